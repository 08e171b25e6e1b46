"""Putting the words of a message together from what was posted, in the payer's language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ims.common.money import ZERO, format_pounds
from ims.correspondence import defaults, rules
from ims.correspondence.models import Wording
from ims.council.selectors import details
from ims.ledger.models import Entry, Posting
from ims.payment_types.models import PaymentType


def wording(purpose: str, channel: str, language: str, funds: Sequence[str]) -> defaults.Words:
    """The council's words: those for the fund when all lines are of one, else those for every fund, else ours.

    A council without words of its own in Welsh says it in ours.
    """
    only = funds[0] if len(set(funds)) == 1 else None
    rows = {row.fund_id: row for row in Wording.objects.filter(purpose=purpose, channel=channel)}
    row = rows.get(only) or rows.get(None)
    if row is None:
        return defaults.words_for(purpose, channel, language)
    if language == "cy":
        if not row.body_welsh:
            return defaults.words_for(purpose, channel, language)
        return defaults.Words(row.subject_welsh or row.subject, row.body_welsh)
    return defaults.Words(row.subject, row.body)


def compose(
    purpose: str, channel: str, language: str, *, funds: Sequence[str], values: dict[str, str]
) -> defaults.Words:
    """The finished subject and body. `values` are for the places of `rules.PLACES`."""
    chosen = wording(purpose, channel, language, funds)
    return defaults.Words(" ".join(rules.filled(chosen.subject, values).split()), rules.filled(chosen.body, values))


def council_values(language: str) -> dict[str, str]:
    """What every message may say of the council."""
    council = details()
    with translation.override(language):
        ways = [
            _("telephone %(number)s") % {"number": council.telephone} if council.telephone else "",
            _("e-mail %(address)s") % {"address": council.email} if council.email else "",
        ]
        ways = [way for way in ways if way]
        reach = _("Questions? Contact us: %(ways)s.") % {"ways": ", ".join(ways)} if ways else ""
    return {"council": council.name_in(language), "help": reach}


def receipt_values(
    posting: Posting, language: str, *, method: str, status: str = "", is_copy: bool = False
) -> dict[str, str]:
    """What a receipt says: the lines of `posting` as they were posted."""
    entries = list(posting.entries.select_related("fund").order_by("line"))
    with translation.override(language):
        return {
            **council_values(language),
            "receipt_number": posting.reference,
            "paid_on": date_format(entries[0].received_on, "j F Y"),
            "method": method,
            "lines": "\n".join(_line(entry, language) for entry in entries),
            "total": format_pounds(posting.total),
            "vat": _vat(entries),
            "copy": _("This is a copy of a receipt we sent before.") if is_copy else "",
            "status": status,
        }


def method_in_words(brand: str, last_four: str, name: str, language: str) -> str:
    """How it was paid: the card's brand and last four digits where known, else the method's name."""
    with translation.override(language):
        if brand and last_four:
            return _("%(brand)s card ending %(digits)s") % {"brand": brand, "digits": last_four}
        if last_four:
            return _("Card ending %(digits)s") % {"digits": last_four}
    return name


def day_in_words(day: date, language: str) -> str:
    """``20 November 2026``, in `language`."""
    with translation.override(language):
        return date_format(day, "j F Y")


def title_of(fund_id: str, narrative: str, name: str, language: str) -> str:
    """What a line is called to payers: the payment type it was chosen as, else the fund's public name."""
    types = list(PaymentType.objects.filter(fund_id=fund_id).order_by("position"))
    chosen = next((each for each in types if each.title == narrative), types[0] if len(types) == 1 else None)
    return chosen.words("title", language) if chosen else name


def _line(entry: Entry, language: str) -> str:
    title = title_of(entry.fund_id, entry.narrative, entry.fund.display_name or entry.fund.name, language)
    reference = f", {rules.plain(entry.account_reference)}" if entry.account_reference else ""
    within = ""
    if entry.vat_amount:
        within = _(" (includes VAT at %(rate)s%%: %(amount)s)") % {
            "rate": f"{(entry.vat_rate * 100).normalize():f}",
            "amount": format_pounds(entry.vat_amount),
        }
    return f"{title}{reference}: {format_pounds(entry.amount)}{within}"


def _vat(entries: Sequence[Entry]) -> str:
    """The VAT within it all, and the council's number, which a receipt needs to count as a simplified VAT invoice
    (VAT Regulations 1995, regulation 16).
    """
    total = sum((entry.vat_amount for entry in entries), Decimal(ZERO))
    if not total:
        return ""
    number = details().vat_number
    said = _("VAT included: %(amount)s.") % {"amount": format_pounds(total)}
    return f"{said} {_('VAT registration number: %(number)s.') % {'number': number}}" if number else said
