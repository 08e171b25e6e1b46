"""Reading payments. Whoever asks sees those that lie in their scope with every line."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from ims.audit.actors import Actor
from ims.audit.scope import beyond, scoped
from ims.common.errors import NotFound
from ims.payments import gateways, states
from ims.payments.errors import PaymentRefusal
from ims.payments.models import (
    Basket,
    BasketLine,
    Dispute,
    PaymentAttempt,
    PaymentException,
    PaymentRoute,
    PaymentService,
)


def route_for(channel: str, funds: Iterable[str]) -> PaymentRoute:
    """The route that takes a payment of `channel` for `funds` together.

    A route that names the fund comes before the one for every other fund. One card payment goes to one account: funds
    that belong to different services cannot be paid together. Raises `PaymentRefusal` for those, and where no service
    in use takes one.
    """
    wanted = set(funds)
    routes = list(
        PaymentRoute.objects.filter(Q(fund__in=wanted) | Q(fund__isnull=True), channel=channel, service__is_active=True)
        .select_related("service__health", "method_of_payment")
        .order_by("pk")
    )
    by_fund = {route.fund_id: route for route in routes}
    chosen = {fund: by_fund.get(fund) or by_fund.get(None) for fund in sorted(wanted)}
    without = [fund for fund, route in chosen.items() if route is None]
    if without:
        raise PaymentRefusal(
            f"No payment service takes fund {', '.join(without)} this way. Ask whoever looks after the settings.",
            code="no_payment_service",
        )
    services = {route.service_id for route in chosen.values()}
    if len(services) > 1:
        raise PaymentRefusal(
            "These go to different bank accounts and cannot be paid together. Pay them one after the other.",
            code="different_services",
        )
    first = next(iter(chosen.values()))
    if any(route.method_of_payment_id != first.method_of_payment_id for route in chosen.values()):
        raise PaymentRefusal(
            "These are posted with different methods of payment and cannot be paid together. Pay them one after the "
            "other.",
            code="different_methods",
        )
    return first


def routes() -> QuerySet[PaymentRoute]:
    """Every route, by channel and fund."""
    return PaymentRoute.objects.select_related("fund", "service", "method_of_payment").order_by("channel", "fund")


def unfinished_attempt(basket: Basket) -> PaymentAttempt | None:
    """The attempt that may still be paid, if any: there is at most one."""
    return basket.attempts.filter(state__in=states.UNFINISHED).select_related("service").first()


def is_in_scope(actor: Actor, basket: Basket) -> bool:
    """Whether `basket`, its office and the fund of every line, lies in the actor's scope."""
    lines = BasketLine.objects.filter(basket=basket)
    return is_office_in_scope(actor, basket) and not beyond(actor, lines).exists()


def is_office_in_scope(actor: Actor, basket: Basket) -> bool:
    """Whether the office of `basket` lies in the actor's scope."""
    return actor.offices is None or basket.office_id in actor.offices


def attempts_visible_to(actor: Actor) -> QuerySet[PaymentAttempt]:
    """Every payment in the actor's scope. What was taken outside IMS is for those whose scope is not limited."""
    found = PaymentAttempt.objects.select_related("basket", "service", "method_of_payment", "posting")
    if not actor.is_limited:
        return found
    outside = beyond(actor, BasketLine.objects.filter(basket=OuterRef("basket")))
    return scoped(actor, found).filter(~Exists(outside), basket__isnull=False)


def get_attempt(actor: Actor, attempt_id: int) -> PaymentAttempt:
    """One payment in the actor's scope. Raises `NotFound`."""
    found = attempts_visible_to(actor).filter(pk=attempt_id).first()
    if found is None:
        raise NotFound("There is no such payment, or it is not one of yours to see.")
    return found


def disputes_visible_to(actor: Actor) -> QuerySet[Dispute]:
    """Disputes about payments in the actor's scope."""
    found = Dispute.objects.select_related("attempt__basket", "service")
    return found if actor.funds is None else found.filter(attempt__in=attempts_visible_to(actor))


def exceptions_visible_to(actor: Actor) -> QuerySet[PaymentException]:
    """Exceptions about payments in the actor's scope; those about no payment are for those who see every fund."""
    found = PaymentException.objects.select_related("attempt__basket", "service")
    return found if actor.funds is None else found.filter(attempt__in=attempts_visible_to(actor))


def basket_of(token: str) -> Basket:
    """The basket a payer's address names. Raises `NotFound`."""
    found = Basket.objects.filter(token=token).first()
    if found is None:
        raise NotFound("There is no such payment.")
    return found


def returned(token: str) -> PaymentAttempt:
    """The attempt named in the address a payer's browser returned to. Raises `NotFound`."""
    found = PaymentAttempt.objects.select_related("basket", "service", "posting").filter(return_token=token).first()
    if found is None:
        raise NotFound("There is no such payment.")
    return found


def services_in_use() -> QuerySet[PaymentService]:
    """Payment services that take payments."""
    return PaymentService.objects.filter(is_active=True)


def service_named(code: str) -> PaymentService:
    """The service called `code`. Raises `NotFound`."""
    found = PaymentService.objects.filter(code=code).first()
    if found is None:
        raise NotFound("There is no such payment service.")
    return found


def card_page_origins(service: PaymentService) -> list[str]:
    """Where payers of `service` are sent, as origins for the form-action directive; none for pages of our own."""
    return list(gateways.CARD_PAGES[service.provider](service))
