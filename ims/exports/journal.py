"""Turning entries into journal lines that balance. Pure: no database.

Every entry gives up to three lines: its income code is credited with the amount net of VAT, its VAT code with the VAT,
and the control account of its method of payment is debited with the whole. A negative amount changes sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ims.common.money import ZERO
from ims.funds import rules

INCOME, VAT, CONTROL = "income", "vat", "control"
_SIDES = {INCOME: "income", VAT: "VAT", CONTROL: "control account"}
GROUPINGS = ("fund", "method_of_payment", "office", "vat_code")

# What lines of each side always tell apart, besides day and general ledger code.
_ALWAYS = {INCOME: ("fund", "vat_code"), VAT: ("fund", "vat_code"), CONTROL: ("method_of_payment",)}


@dataclass(frozen=True)
class Source:
    """Entries alike in everything a mapping looks at, added up; or one entry, in full detail."""

    accounting_date: date
    fund: str
    method_of_payment: str
    office: str
    vat_code: str
    entry_count: int
    amount: Decimal
    vat_amount: Decimal
    entry: int | None = None
    receipt: str = ""
    narrative: str = ""


@dataclass(frozen=True)
class JournalLine:
    """One line of the journal; one of `debit` and `credit` is zero, the other positive. Pounds."""

    side: str
    accounting_date: date
    gl_code: str
    cost_centre: str
    debit: Decimal
    credit: Decimal
    entry_count: int
    fund: str = ""
    method_of_payment: str = ""
    office: str = ""
    vat_code: str = ""
    entry: int | None = None
    receipt: str = ""
    description: str = ""


@dataclass(frozen=True)
class Missing:
    """A combination for which no general ledger code is mapped."""

    side: str
    fund: str
    method_of_payment: str
    vat_code: str
    day: date

    def __str__(self) -> str:
        parts = {
            INCOME: f"fund {self.fund}, method of payment {self.method_of_payment}",
            VAT: f"VAT code {self.vat_code} (fund {self.fund})",
            CONTROL: f"method of payment {self.method_of_payment} (fund {self.fund})",
        }
        return f"no {_SIDES[self.side]} code for {parts[self.side]} on {self.day:%-d %b %Y}"


@dataclass(frozen=True)
class Names:
    """What funds and methods are called, for the descriptions of lines."""

    funds: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)


def journal(
    sources: Iterable[Source],
    mappings: Sequence[rules.Mapping],
    *,
    is_detail: bool,
    group_by: Sequence[str] = (),
    names: Names | None = None,
) -> tuple[list[JournalLine], list[Missing]]:
    """The lines for `sources`, in the order of day, side and code, and every combination without a code.

    When anything is missing the lines are not fit to send. Debits equal credits by construction, which the caller
    checks all the same.
    """
    find = _finder(mappings)
    missing: dict[Missing, None] = {}
    parts: list[tuple[Source, str, Decimal, rules.Mapping]] = []
    for source in sources:
        for side, credit in _split(source):
            mapping = find(side, source)
            if mapping is None:
                missing[_missing(side, source)] = None
            else:
                parts.append((source, side, credit, mapping))
    names = names or Names()
    lines = _detail(parts, names) if is_detail else _summary(parts, group_by, names)
    return list(lines), list(missing)


def _split(source: Source) -> Iterator[tuple[str, Decimal]]:
    """(side, credit) of each part of a source; a negative credit is a debit. They sum to zero."""
    net = source.amount - source.vat_amount
    if net:
        yield INCOME, net
    if source.vat_amount:
        yield VAT, source.vat_amount
    if source.amount:
        yield CONTROL, -source.amount


def _finder(mappings: Sequence[rules.Mapping]) -> Callable[[str, Source], rules.Mapping | None]:
    known: dict[tuple, rules.Mapping | None] = {}

    def find(side: str, source: Source) -> rules.Mapping | None:
        key = (side, source.accounting_date, source.fund, source.method_of_payment, source.office, source.vat_code)
        if key not in known:
            known[key] = rules.choose_mapping(
                mappings,
                side=side,
                day=source.accounting_date,
                fund=source.fund,
                method_of_payment=source.method_of_payment,
                office=source.office,
                vat_code=source.vat_code,
            )
        return known[key]

    return find


def _missing(side: str, source: Source) -> Missing:
    """The combination, without what does not matter to its side, so that each is named once."""
    return Missing(
        side=side,
        fund=source.fund,
        method_of_payment="" if side == VAT else source.method_of_payment,
        vat_code=source.vat_code if side == VAT else "",
        day=source.accounting_date,
    )


def _detail(parts: Iterable[tuple[Source, str, Decimal, rules.Mapping]], names: Names) -> Iterator[JournalLine]:
    for source, side, credit, mapping in parts:
        yield JournalLine(
            side=side,
            accounting_date=source.accounting_date,
            gl_code=mapping.gl_code,
            cost_centre=mapping.cost_centre,
            debit=max(-credit, ZERO),
            credit=max(credit, ZERO),
            entry_count=source.entry_count,
            fund=source.fund,
            method_of_payment=source.method_of_payment,
            office=source.office,
            vat_code=source.vat_code,
            entry=source.entry,
            receipt=source.receipt,
            description=f"{source.receipt} {source.narrative}".strip() or names.funds.get(source.fund, source.fund),
        )


def _summary(
    parts: Iterable[tuple[Source, str, Decimal, rules.Mapping]], group_by: Sequence[str], names: Names
) -> Iterator[JournalLine]:
    sums: dict[tuple, list] = {}
    for source, side, credit, mapping in parts:
        told_apart = {*_ALWAYS[side], *group_by}
        group = tuple(getattr(source, name) if name in told_apart else "" for name in GROUPINGS)
        key = (source.accounting_date, side != CONTROL, side, mapping.gl_code, mapping.cost_centre, group)
        total = sums.setdefault(key, [ZERO, 0])
        total[0] += credit
        total[1] += source.entry_count
    for (day, _, side, gl_code, cost_centre, group), (credit, count) in sorted(sums.items()):
        if not credit:
            continue  # money that came and went under the same code on the same day
        fund, method, office, vat_code = group
        line = JournalLine(
            side=side,
            accounting_date=day,
            gl_code=gl_code,
            cost_centre=cost_centre,
            debit=max(-credit, ZERO),
            credit=max(credit, ZERO),
            entry_count=count,
            fund=fund,
            method_of_payment=method,
            office=office,
            vat_code=vat_code,
            description=_description(side, fund, method, vat_code, count, names),
        )
        yield line


def _description(side: str, fund: str, method: str, vat_code: str, count: int, names: Names) -> str:
    entries = f"{count} entry" if count == 1 else f"{count} entries"
    if side == CONTROL:
        return f"{names.methods.get(method, method)}, {entries}"
    fund_name = names.funds.get(fund, fund)
    return f"VAT {vat_code} {fund_name}, {entries}" if side == VAT else f"{fund_name}, {entries}"
