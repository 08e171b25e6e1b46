"""From a payment service as configured to the client that talks to its provider."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from ims.payments.errors import PaymentRefusal
from ims.payments.models import PaymentService
from ims.providers import stub
from ims.providers.card import CardProvider, Misconfigured
from ims.providers.govuk_pay import GovUkPay
from ims.providers.signed_form import SignedForm

STUB_PAGE = "/practice-card/"
"""Where the practice provider's card page is, to which its token is added."""


GOVUK_PAY_PAGES = ("https://card.payments.service.gov.uk", "https://www.payments.service.gov.uk")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


CARD_PAGES = {
    PaymentService.Provider.STUB: lambda service: (),
    PaymentService.Provider.GOVUK_PAY: lambda service: (
        (_origin(service.base_url),) if service.base_url else GOVUK_PAY_PAGES
    ),
    PaymentService.Provider.SIGNED_FORM: lambda service: (_origin(service.base_url),),
}
"""Which origins a payer's browser is sent to."""


ABILITIES = {
    PaymentService.Provider.STUB: stub.StubProvider.abilities,
    PaymentService.Provider.GOVUK_PAY: GovUkPay.abilities,
    PaymentService.Provider.SIGNED_FORM: SignedForm.abilities,
}
"""What each kind of provider can do, without talking to it."""


def provider_for(service: PaymentService) -> CardProvider:
    """The client of `service`'s account. Raises `PaymentRefusal` when its key is not to be had."""
    if service.provider == PaymentService.Provider.STUB:
        return stub.StubProvider(books=practice_books(), account=service.code, page=STUB_PAGE)
    if service.provider == PaymentService.Provider.GOVUK_PAY:
        return GovUkPay(key=secret_of(service), base_url=service.base_url)
    if service.provider == PaymentService.Provider.SIGNED_FORM:
        return SignedForm(merchant=service.account, key=secret_of(service), base_url=service.base_url)
    raise PaymentRefusal(f"{service} is of a kind IMS does not know: {service.provider}.")


def secret_of(service: PaymentService) -> str:
    """The key of `service`'s account. Raises `Misconfigured` when its file is not there."""
    key = settings.NAMED_SECRET(service.key_name) if service.key_name else ""
    if not key:
        raise Misconfigured(
            f"The key “{service.key_name}” of {service} is not to be found. Put its file into the directory of secrets."
        )
    return key


def practice_books() -> stub.Books:
    """The books of the practice provider. Raises `PaymentRefusal` where practice is switched off."""
    path = settings.PRACTICE_PROVIDER_BOOKS
    if path is None:
        raise PaymentRefusal(
            "The practice provider is not allowed here: it takes no money. Choose a real provider for this service.",
            code="practice_refused",
        )
    return _books(path)


@lru_cache(maxsize=1)
def _books(path: Path) -> stub.Books:
    return stub.Books(path)


def signing_secrets(service: PaymentService) -> list[str]:
    """The secrets that verify this service's notifications: the present one and, while changing over, the next."""
    names = (service.signing_secret_name, service.next_signing_secret_name)
    return [secret for name in names if name and (secret := settings.NAMED_SECRET(name))]
