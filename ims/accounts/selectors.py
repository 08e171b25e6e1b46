"""Reading account holders: search that stays fast on a million, and the facts the chain of checks needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from ims.accounts.models import AccountHolder, AccountLoad
from ims.accounts.rules import AccountFacts, Audience, CheckableLine, Facts, FundFacts, MethodFacts, Verdict, check_line
from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.scope import scoped
from ims.funds.models import Fund, MethodOfPayment, VatCode
from ims.funds.selectors import rule_of, with_rules

MOST_FOUND = 5_000
"""No list offers more accounts than this; whoever needs others searches more narrowly."""

PAY_STOPPED = "accounts.pay_stopped_account"
M = TypeVar("M", Fund, MethodOfPayment)
_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?(?:[0-9](?:[A-Z]{1,2})?)?")
_WORD = re.compile(r"\w+", re.UNICODE)


def accounts_visible_to(actor: Actor) -> QuerySet[AccountHolder]:
    """Every account of the funds in the actor's scope."""
    return scoped(actor, AccountHolder.objects.select_related("fund", "stop_reason"))


def holder_of(actor: Actor, fund: str, reference: str) -> AccountHolder | None:
    """The account holder, as the actor may see them, behind a reference; None for who may not look at accounts."""
    if not actor.may("accounts.view_accountholder"):
        return None
    found = accounts_visible_to(actor).filter(fund=fund, reference=reference).first()
    return personal.veil_one(actor, found)


def search(
    actor: Actor, *, text: str = "", reference: str = "", name: str = "", postcode: str = "", fund: str = ""
) -> QuerySet[AccountHolder]:
    """Accounts in the actor's scope that fit everything given. What is shown of them goes through `personal.veil`.

    `reference` and `postcode` match from their start, whatever the capitals; `name` matches every word of it, each
    from its start, in any order. `text` is one box for all three: what holds a digit is a reference or a postcode,
    anything else a name. Raises `NotAllowed` for a name or a postcode from somebody who may not see them.
    """
    if name.strip() or postcode.strip() or is_name_or_postcode(text):
        personal.require(actor, AccountHolder, "search account holders by name or postcode")
    return narrowed(accounts_visible_to(actor), text=text, reference=reference, name=name, postcode=postcode, fund=fund)


def narrowed(
    accounts: QuerySet[AccountHolder],
    *,
    text: str = "",
    reference: str = "",
    name: str = "",
    postcode: str = "",
    fund: str = "",
) -> QuerySet[AccountHolder]:
    """`accounts`, narrowed as `search` says. Each condition has an index of its own.

    Of names and postcodes that fit very many accounts, `MOST_FOUND` and one are taken: lists offer no more.
    """
    conditions = Q()
    accounts = accounts.annotate(
        upper_reference=Upper("reference"),
        upper_postcode=Upper("postcode"),
        name_words=SearchVector("name", config="simple"),
    )
    if text.strip():
        conditions &= _one_box(text)
    if reference.strip():
        conditions &= Q(upper_reference__startswith=reference.strip().upper())
    if postcode.strip():
        conditions &= _postcode(postcode)
    if name.strip():
        conditions &= _name(name)
    if fund:
        conditions &= Q(fund_id=fund)
    fitting = accounts.filter(conditions)
    if not (name.strip() or postcode.strip() or is_name_or_postcode(text)):
        return fitting
    # Found first and put in order afterwards: for a rare word PostgreSQL would otherwise read the whole table in order.
    return accounts.filter(pk__in=fitting.order_by().values("pk")[: MOST_FOUND + 1])


def is_name_or_postcode(text: str) -> bool:
    """Whether the one box for everything would be read as a name or, perhaps, as a postcode."""
    cleaned = " ".join(text.upper().split())
    has_digit = any(character.isdigit() for character in cleaned)
    return bool(cleaned) and (not has_digit or _POSTCODE.fullmatch(cleaned) is not None)


def _one_box(text: str) -> Q:
    cleaned = " ".join(text.upper().split())
    if not any(character.isdigit() for character in cleaned):
        return _name(text)
    found = Q(upper_reference__startswith=cleaned)
    return found | _postcode(cleaned) if _POSTCODE.fullmatch(cleaned) else found


def _postcode(text: str) -> Q:
    cleaned = " ".join(text.upper().split())
    spellings = {cleaned}
    if " " not in cleaned and len(cleaned) >= 5:
        spellings.add(f"{cleaned[:-3]} {cleaned[-3:]}")
    found = Q()
    for spelling in spellings:
        found |= Q(upper_postcode__startswith=spelling)
    return found


def _name(text: str) -> Q:
    words = _WORD.findall(text)
    if not words:
        return Q(pk__isnull=True)
    wanted = " & ".join(f"{word}:*" for word in words[:8])
    return Q(name_words=SearchQuery(wanted, config="simple", search_type="raw"))


@dataclass(frozen=True)
class AtHand:
    """Rows that whoever asks has read already, in the same transaction; what is in them is not read again."""

    funds: Mapping[str, Fund] = field(default_factory=dict)
    """By code, from `ims.funds.selectors.with_rules`."""
    methods: Mapping[str, MethodOfPayment] = field(default_factory=dict)
    """By code."""


def facts_for(lines: Sequence[CheckableLine], *, actor: Actor | None = None, at_hand: AtHand = AtHand()) -> Facts:
    """Everything the chain must know about `lines`, in four queries at most, however many there are.

    Funds outside the actor's scope are left out, so that their lines read as lines of an unknown fund.
    """
    codes = {line.fund for line in lines}
    if actor is not None and actor.funds is not None:
        codes &= actor.funds
    funds = {code: _fund_facts(fund) for code, fund in _read(codes, at_hand.funds, with_rules).items()}
    wanted = {line.method_of_payment for line in lines if line.method_of_payment}
    methods = {code: _method_facts(method) for code, method in _read(wanted, at_hand.methods, _methods).items()}
    return Facts(
        funds=funds,
        methods=methods,
        vat_codes=_vat_codes(lines, funds),
        accounts=_accounts((line.fund, line.account_reference) for line in lines if line.fund in funds),
        may_pay_stopped=actor is not None and actor.may(PAY_STOPPED),
    )


def check_lines(
    audience: Audience, lines: Sequence[CheckableLine], *, actor: Actor | None = None, at_hand: AtHand = AtHand()
) -> list[Verdict]:
    """Whether each line may be posted, in order, with the sentence to show when it may not.

    `audience` is who pays: ``staff`` (journals, allocation, corrections, payments by telephone) or ``public``. An
    `actor` who holds ``accounts.pay_stopped_account`` may post to stopped accounts and is warned instead; the funds
    outside the actor's scope do not exist for them.
    """
    facts = facts_for(lines, actor=actor, at_hand=at_hand)
    return [check_line(line, facts, audience) for line in lines]


def find_account(fund: str, reference: str) -> AccountHolder | None:
    """The account called `reference` in `fund`, whatever the capitals; None when there is none."""
    wanted = reference.strip().upper()
    accounts = AccountHolder.objects.annotate(upper_reference=Upper("reference"))
    return accounts.filter(fund_id=fund, upper_reference=wanted).select_related("stop_reason").first()


def waiting_loads(actor: Actor) -> QuerySet[AccountLoad]:
    """Files that were checked and wait for somebody to load or discard them. Their bytes are left in the database."""
    return loads_visible_to(actor).filter(state=AccountLoad.State.CHECKED)


def loads_visible_to(actor: Actor) -> QuerySet[AccountLoad]:
    """The loads of funds in the actor's scope, without their bytes."""
    loads = AccountLoad.objects.defer("content")
    return scoped(actor, loads)


def _read(codes: Set[str], at_hand: Mapping[str, M], read: Callable[[Set[str]], Iterable[M]]) -> dict[str, M]:
    """The rows called `codes`: those at hand, and the others read at once."""
    missing = codes - at_hand.keys()
    return {code: at_hand[code] for code in codes - missing} | {
        row.pk: row for row in (read(missing) if missing else ())
    }


def _methods(codes: Set[str]) -> QuerySet[MethodOfPayment]:
    return MethodOfPayment.objects.filter(code__in=codes)


def _vat_codes(lines: Iterable[CheckableLine], funds: Mapping[str, FundFacts]) -> dict[str, bool]:
    """Whether the codes that `lines` ask for, beside their fund's own, are in use."""
    codes = {
        line.vat_code for line in lines if line.fund in funds and line.vat_code not in ("", funds[line.fund].vat_code)
    }
    return dict(VatCode.objects.filter(code__in=codes).values_list("code", "is_active")) if codes else {}


def _method_facts(method: MethodOfPayment) -> MethodFacts:
    return MethodFacts(
        code=method.code,
        name=method.name,
        is_active=method.is_active,
        minimum_amount=method.minimum_amount,
        maximum_amount=method.maximum_amount,
    )


def _fund_facts(fund: Fund) -> FundFacts:
    return FundFacts(
        code=fund.code,
        name=fund.name,
        is_active=fund.is_active,
        vat_code=fund.vat_code_id,
        vat_may_be_overridden=fund.vat_may_be_overridden,
        maximum_amount=fund.maximum_amount,
        account_must_exist=fund.account_must_exist,
        rule=rule_of(fund),
    )


def _accounts(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], AccountFacts]:
    pairs = {(fund, reference.strip().upper()) for fund, reference in wanted if reference.strip()}
    if not pairs:
        return {}
    rows = (
        AccountHolder.objects.annotate(upper_reference=Upper("reference"))
        .filter(fund_id__in={fund for fund, _ in pairs}, upper_reference__in={reference for _, reference in pairs})
        .select_related("stop_reason")
    )
    return {
        (row.fund_id, row.upper_reference): AccountFacts(
            pk=row.pk,
            reference=row.reference,
            name=row.name,
            is_open=row.is_open,
            stop_message=row.stop_reason.message if row.stop_reason else "",
            stop_audience=row.stop_reason.audience if row.stop_reason else "",
            stop_effect=row.stop_reason.effect if row.stop_reason else "",
        )
        for row in rows
    }
