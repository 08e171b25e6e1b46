"""One of everything, and somebody of every role, for the walk through every address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from ims.access import services as access
from ims.access.models import ReviewLine
from ims.accounts.models import AccountLoad
from ims.api.models import ClientKey, Notification, NotifyAddress
from ims.approvals import services as approvals
from ims.approvals.models import Limit, Request
from ims.audit.actors import acting, command
from ims.correspondence.models import CarrierAccount, Message, Wording
from ims.council.models import CouncilDetails
from ims.evidence import services as evidence
from ims.evidence.models import EvidencePack, SealPublication
from ims.exports import services as exports
from ims.exports.models import ExportBatch, ExportProfile
from ims.exports.seed import seed_profiles as seed_export_profiles
from ims.funds.models import (
    BankHoliday,
    ExtraField,
    FundGroup,
    GeneralLedgerMapping,
    Office,
    SystemMessage,
)
from ims.funds.modulus_models import ModulusTableLoad
from ims.imports.models import FileProfile, ImportBatch, ImportRow, RoutingRule
from ims.interests import services as interests
from ims.interests.models import Interest
from ims.ledger.models import Entry
from ims.payments.actors import CARD_DESK
from ims.payments.gateways import STUB_PAGE
from ims.payments.models import Dispute, PaymentAttempt, PaymentException, PaymentLink, Payout
from ims.payments.reading import compare, read_payouts
from ims.payments.services import NewLine, Payer, create_link
from ims.payments.services.troubles import raise_exception
from ims.people.council_roles import save_role
from ims.people.models import CouncilRole, User
from ims.people.selectors import actor_for
from ims.records import services as records
from ims.records import subject_access
from ims.records.models import Hold, SubjectRequest
from ims.sign_in.models import BreakGlassUse, DirectoryRole
from ims.suspense.models import SuspenseItem
from ims.telephone_line.models import CallPayment
from tests.api.conftest import add_client
from tests.console.conftest import add_people, add_receipts
from tests.imports.files import line, posted, simple_profile
from tests.payments.conftest import build_desk
from tests.support.world import SET_UP, World, add_payment_types


@dataclass
class OneOfEverything:
    """Records that every address can be asked about."""

    people: dict[str, User]
    entry: Entry
    batch: ImportBatch
    row: ImportRow
    rule: RoutingRule
    profile: FileProfile
    item: SuspenseItem
    export: ExportBatch
    load: AccountLoad
    pack: EvidencePack
    hold: Hold
    subject: SubjectRequest
    publication: SealPublication
    api_key: ClientKey
    use: BreakGlassUse
    review: ReviewLine
    council_role: CouncilRole
    interest: Interest
    payments: Payments
    request: Request


def _client_that_was_told() -> ClientKey:
    """A client with a key, an address and a notification; and a message to a payer."""
    client, _ = add_client()
    with acting(SET_UP, "Test set-up"):
        address = NotifyAddress.objects.create(client=client, url="https://forms.example.gov.uk/paid")
        Wording.objects.create(purpose="receipt", channel="email", subject="Receipt", body="((total))")
        CarrierAccount.objects.create(channel="email", kind="practice")
        Message.objects.create(key="one", purpose="receipt", channel="email", to="ada@example.org", body="Thank you")
        CallPayment.objects.create(
            line="1", call="c1", method_of_payment_id="90", total=Decimal("1.00"), announced_at=timezone.now()
        )
    Notification.objects.create(address=address, event="payment.paid", key="one", body={})
    return client.keys.get()


@dataclass
class Payments:
    """A card payment, and one of everything that may come of one."""

    attempt: PaymentAttempt
    exception: PaymentException
    dispute: Dispute
    link: PaymentLink
    payout: Payout
    card_page: str


def card_payments(world: World) -> Payments:
    """A paid payment with a dispute in a payout, one that waits for its payer, and a link."""
    desk = build_desk(world)
    attempt = desk.paid("145.00")
    desk.provider.raise_dispute(attempt.provider_id, respond_by=date.today() + timedelta(days=5))
    desk.provider.settle(date.today() - timedelta(days=1))
    compare(actor=CARD_DESK, service=desk.service)
    [payout] = read_payouts(actor=CARD_DESK, service=desk.service)
    line = NewLine(fund="23", amount=Decimal("80"), account_reference=world.council_tax_account)
    link = create_link(actor=desk.staff, lines=[line], payer=Payer(email="ada@example.org"))
    exception = raise_exception(
        actor=CARD_DESK, kind="stuck", key="x", service=desk.service, attempt=attempt, message="Look at it."
    )
    waiting = desk.start(desk.basket("9.00"))
    return Payments(
        attempt, exception, Dispute.objects.get(), link, payout, waiting.next_step.url.removeprefix(STUB_PAGE)
    )


@pytest.fixture
def everything(world: World, settings, tmp_path) -> OneOfEverything:
    settings.PRACTICE_PROVIDER_BOOKS = tmp_path / "books.sqlite3"
    people = add_people()
    entry = add_receipts(world)[0]
    add_payment_types()
    with acting(SET_UP, "Test set-up"):
        CouncilDetails.objects.create(name="Model Council")
        profile = simple_profile()
        rule = RoutingRule.objects.create(name="Parking", actions={"fund": "11"})
        FundGroup.objects.create(name="Revenues")
        DirectoryRole.objects.create(directory="entra", value="income", role="Income officer")
        BankHoliday.objects.create(day=date(2026, 12, 25), name="Christmas Day")
        ExtraField.objects.create(owner="fund", name="contact", label="Contact", kind="text")
        SystemMessage.objects.create(
            text="Bank closed", starts_at=timezone.now(), ends_at=timezone.now() + timedelta(days=1)
        )
        for made_in_bulk in (Office.objects.get(code="WP"), Limit.objects.order_by("pk").first()):
            made_in_bulk.save()  # so that there is history to look at
    ModulusTableLoad.objects.create(
        valid_from=date(2026, 1, 1), valacdos="", scsubtab="", weight_rows=0, substitutions=0, loaded_by="Test set-up"
    )
    batch = posted(command("tests"), [line(), line(fund="", reference="", narrative="WHO"), line(amount="nonsense")])
    seed_export_profiles(command("tests"))
    export = exports.build(
        actor=command("tests"),
        profile=ExportProfile.objects.filter(is_active=True).first(),
        first=date.today() - timedelta(days=10),
        last=date.today(),
        key="security",
    )
    return OneOfEverything(
        people=people,
        entry=entry,
        batch=batch,
        row=ImportRow.objects.filter(batch=batch).order_by("line").last(),
        rule=rule,
        profile=profile,
        item=SuspenseItem.objects.first(),
        export=export,
        use=BreakGlassUse.objects.create(person=people["Administrator"], address="192.0.2.1"),
        request=_request(people["Finance"]),
        load=AccountLoad.objects.create(file_name="holders.csv", sha256="0" * 64, content=b""),
        pack=evidence.make_pack(
            actor=command("tests"),
            pack_id=evidence.ask_for_pack(
                actor=command("tests"), first=date.today(), last=date.today(), kind="ledger"
            ).pk,
        ),
        hold=records.place_hold(actor=command("tests"), reason="Claim 7", reference="700123452"),
        subject=subject_access.open_request(actor=command("tests"), case="SAR/1", name="Ada Moss"),
        publication=SealPublication.objects.create(
            day=date.today(), file_name="seals.json", content="{}", sha256="0" * 64
        ),
        api_key=_client_that_was_told(),
        review=_review(),
        interest=interests.declare(
            actor=command("tests"), person=people["Nobody"], account_reference="700123452", relation="own"
        ),
        council_role=save_role(
            actor=command("tests"), name="Cashier", purpose="Counter", permissions=["ledger.view_entry"], reason="Test"
        ),
        payments=card_payments(world),
    )


def _review() -> ReviewLine:
    review = access.open_review(actor=command("tests"), title="Quarter 3", due_on=date.today())
    return review.lines.get(person__username="nobody")


def _request(finance: User) -> Request:
    """A change of a general ledger code that waits to be decided."""
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    payload = {
        "model": "funds.generalledgermapping",
        "act": "change",
        "pk": str(mapping.pk),
        "values": {"gl_code": "111111"},
        "reason": "New codes",
    }
    return approvals.request(actor=actor_for(finance), kind="funds.mapping", payload=payload, reason="New codes")
