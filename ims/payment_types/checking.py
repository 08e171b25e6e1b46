"""May a payer pay this? The chain of `accounts.rules`, answered in words for payers.

What payers are told is worded here. Nowhere does it say whose account it is, what is owed, why it is on stop (unless
the council wrote the reason for the public alone), or which check digit would have been right. Sentences are
translated into the language that is active when they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ims.accounts.rules import Facts, LineToCheck, Verdict, check_line
from ims.accounts.selectors import facts_for
from ims.audit.actors import Actor, authorise
from ims.common.money import format_pounds
from ims.payment_types.models import PaymentType

Words = str | Promise


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody wants to pay: a type, the reference as typed, pounds. `method` is a method of payment's code."""

    payment_type: PaymentType
    reference: str
    amount: Decimal
    method: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether it may be paid. When not: the `field` at fault (``reference`` or ``amount``), a `code`, the `sentence`.

    When it may: the reference as it is to be kept, and what the payer must know first (`warnings`).
    """

    accepted: bool
    field: str = ""
    code: str = ""
    sentence: Words = ""
    warnings: tuple[Words, ...] = ()
    reference: str = ""
    vat_code: str = ""


def check(wanted: Sequence[Wanted], *, actor: Actor) -> list[Answer]:
    """Answer each in order. Funds outside the actor's scope read as not offered.

    Spaces that people type to read a long number more easily are forgiven, where the reference has none.
    """
    authorise(actor, "payment_types.check_reference", what="check what payers may pay")
    answers = _checked(wanted, actor)
    again = [
        place for place, answer in enumerate(answers) if answer.field == "reference" and " " in _trimmed(wanted[place])
    ]
    if again:
        closed = [replace(wanted[place], reference="".join(wanted[place].reference.split())) for place in again]
        for place, answer in zip(again, _checked(closed, actor), strict=True):
            answers[place] = answer
    return answers


def _trimmed(wanted: Wanted) -> str:
    return " ".join(wanted.reference.replace("\0", "\N{REPLACEMENT CHARACTER}").split())


def _checked(wanted: Sequence[Wanted], actor: Actor) -> list[Answer]:
    lines = [_line(each) for each in wanted]
    facts = facts_for(lines, actor=actor)
    return [_answer(each, line, facts) for each, line in zip(wanted, lines, strict=True)]


def _line(wanted: Wanted) -> LineToCheck:
    return LineToCheck(
        fund=wanted.payment_type.fund_id,
        amount=wanted.amount,
        account_reference=_trimmed(wanted),
        method_of_payment=wanted.method,
    )


def _answer(wanted: Wanted, line: LineToCheck, facts: Facts) -> Answer:
    if wanted.amount <= 0:
        return Answer(accepted=False, field="amount", code="amount_too_small", sentence=_("Enter more than £0.00."))
    verdict = check_line(line, facts, "public")
    if verdict.accepted:
        return Answer(
            accepted=True,
            reference=verdict.account_reference,
            vat_code=verdict.vat_code,
            warnings=_warnings(verdict),
        )
    code, field, sentence = _refusal(wanted, verdict, facts)
    return Answer(accepted=False, field=field, code=code, sentence=sentence)


def _warnings(verdict: Verdict) -> tuple[Words, ...]:
    account = verdict.account
    # What is written for staff as well may say things about a person that nobody proved to be.
    return (account.stop_message,) if account is not None and account.stop_audience == "public" else ()


def _refusal(wanted: Wanted, verdict: Verdict, facts: Facts) -> tuple[str, str, Words]:
    """The code, the field at fault and the sentence."""
    fund, method = facts.funds.get(wanted.payment_type.fund_id), facts.methods.get(wanted.method)
    if verdict.code in ("reference_not_valid", "reference_pattern_too_slow"):
        code, sentence = _reference_fault(verdict, fund.rule)
        return code, "reference", sentence
    if verdict.code in ("account_unknown", "account_missing"):
        return "reference_unknown", "reference", _UNKNOWN
    if verdict.code == "account_stopped":
        return "account_stopped", "reference", _STOPPED
    if verdict.code in ("amount_too_fine", "amount_is_zero"):
        return verdict.code, "amount", _("Enter pounds and pence, like 120.50.")
    if verdict.code == "above_fund_maximum":
        return "above_maximum", "amount", _most(fund.maximum_amount)
    if verdict.code == "above_method_maximum":
        return "above_maximum", "amount", _most(method.maximum_amount)
    if verdict.code == "below_method_minimum":
        return "below_minimum", "amount", _said(_("The least you can pay is %(amount)s."), method.minimum_amount)
    return "not_offered", "", _NOT_OFFERED


def _most(amount: Decimal) -> Words:
    return _said(_("The most you can pay at once is %(amount)s."), amount)


def _said(words: Words, amount: Decimal) -> Words:
    return _filled(words, amount=format_pounds(amount))


def _filled(words: Words, **values: Any) -> Words:
    """`words` with `values` in them, translated when shown rather than now."""
    return _Filled(words, values)


class _Filled:
    """A lazy sentence with values in it."""

    def __init__(self, words: Words, values: dict[str, Any]) -> None:
        self._words, self._values = words, values

    def __str__(self) -> str:
        return str(self._words) % {name: str(value) for name, value in self._values.items()}


_UNKNOWN = _("We do not know this reference. Compare it with your bill, letter by letter and digit by digit.")
_STOPPED = _("This bill cannot be paid online just now. Contact us about it.")
_NOT_OFFERED = _("This cannot be paid online just now.")
_CHARACTERS: dict[str, Words] = {
    "alpha": _("letters"),
    "alpha_space": _("letters and spaces"),
    "numeric": _("digits"),
    "numeric_space": _("digits and spaces"),
    "alphanumeric": _("letters and digits"),
    "alphanumeric_space": _("letters, digits and spaces"),
}
_PLACES: dict[str, Words] = {
    "$": _("a letter"),
    "#": _("a digit"),
    "?": _("a letter or a digit"),
    "*": _("a letter, a digit, a space, / or -"),
}


def _reference_fault(verdict: Verdict, rule: Any) -> tuple[str, Words]:
    found, given = verdict.reference_verdict, verdict.account_reference
    if found.fault == "blank":
        return "reference_missing", _("Enter the reference.")
    if found.fault in ("too_short", "too_long"):
        return f"reference_{found.fault}", _length_fault(found.fault, len(given), rule)
    if found.fault == "characters":
        return "reference_characters", _filled(
            _("The reference has %(allowed)s only. You entered something else as well."),
            allowed=_CHARACTERS[rule.characters],
        )
    if found.fault == "mask" and found.position:
        values = {"position": found.position, "given": given[found.position - 1 : found.position]}
        words = _("Character %(position)s of the reference is %(wanted)s. You entered “%(given)s” there.")
        return "reference_form", _filled(words, wanted=_PLACES.get(found.wanted, f"“{found.wanted}”"), **values)
    if found.fault == "check_digit":
        return "reference_check_digit", _(
            "This reference is not complete or has a wrong digit: its digits do not fit together. "
            "Compare it with your bill, digit by digit."
        )
    return "reference_form", _("This is not how the reference is written. Copy it from your bill.")


def _length_fault(fault: str, given: int, rule: Any) -> Words:
    shortest, longest = max(rule.min, 1), rule.max
    if longest is None:
        words = _("The reference has at least %(least)s characters. You entered %(given)s.")
        return _filled(words, least=shortest, given=given)
    if shortest == longest:
        return _filled(_("The reference has %(exact)s characters. You entered %(given)s."), exact=longest, given=given)
    words = _("The reference has %(least)s to %(most)s characters. You entered %(given)s.")
    return _filled(words, least=shortest, most=longest, given=given)
