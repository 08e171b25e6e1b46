"""What every reader of a file yields, whatever the format.

A reader turns a binary stream into a flat sequence of records, in file order::

    StatementStart, Entry, Entry, …, StatementEnd, StatementStart, …

A file without statements (an agent's file, a spreadsheet of deductions) is one statement whose account is
empty. Nothing here knows a database, a clock or a network. Readers keep no more of the file than the record
they are building, so that memory does not grow with the file (where the format allows it).

Money is `Decimal`. `Entry.amount` is signed as the bank account sees it: positive is money in, after reversals
are taken into account (a reversed credit, RC, is money out; a reversed debit, RD, is money in).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from ims.common.errors import ImsError


class UnreadableFile(ImsError):
    """The file as a whole cannot be read as the format asked for (or as any known format).

    The message says what the file looked like and what to do.
    """

    code = "unreadable_file"


EntryKind = Literal[
    "receipt",  # money that belongs to somebody: what gets posted
    "payment",  # money out
    "unpaid_direct_debit",
    "returned_credit",
    "indemnity_claim",
    "chargeback",
    "refund",
    "fee",
    "interest",
    "transfer",
    "day_total",  # a total the bank adds: never posted
    "contra",  # the balancing record of a Bacs file: never posted
    "instruction",  # a mandate or an advice: no money moves
]

EntryStatus = Literal["booked", "pending", "information"]


@dataclass(frozen=True, slots=True)
class Balance:
    """A signed balance at a date, in the statement's currency."""

    amount: Decimal
    on: date | None = None


@dataclass(frozen=True, slots=True)
class StatementStart:
    """The head of one statement (or of the file, where the format has no statements)."""

    account: str = ""
    currency: str = "GBP"
    number: str = ""
    reference: str = ""
    opening: Balance | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    line: int = 0
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement. Text fields are empty, never None, when the file says nothing."""

    line: int
    """Line of the file (or ordinal of the record) where it starts, from 1."""
    amount: Decimal
    kind: EntryKind = "receipt"
    status: EntryStatus = "booked"
    currency: str = "GBP"
    booked_on: date | None = None
    value_on: date | None = None
    mark: str = ""
    """The file's own sign mark: C, D, RC, RD, CRDT, DBIT, …"""
    reversal: bool = False
    type_code: str = ""
    """The bank's transaction type: NTRF, BGC, 99, PMNT/RCDT/ESCT, …"""
    bank_reference: str = ""
    reference: str = ""
    """The customer or owner reference: the likeliest account reference."""
    end_to_end_reference: str = ""
    payer_name: str = ""
    payer_sort_code: str = ""
    payer_account: str = ""
    narrative: str = ""
    """All the free text, joined by single spaces, in the order in which it must be searched."""
    gross: Decimal | None = None
    fee: Decimal | None = None
    net: Decimal | None = None
    reason_code: str = ""
    reason: str = ""
    parent: int | None = None
    """`line` of the entry this one is a member of, when a batch entry is exploded. A parent with members is
    itself yielded with ``member_count`` set; totals count the parent once and its members never."""
    member_count: int = 0
    fund: str = ""
    method_of_payment: str = ""
    office: str = ""
    vat_code: str = ""
    vat_amount: Decimal | None = None
    extra: dict[str, str] = field(default_factory=dict)
    """What else the file said, by the file's own names."""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class StatementEnd:
    """The foot of a statement, with what the file itself declared (None where it declared nothing)."""

    closing: Balance | None = None
    available: Balance | None = None
    declared_credit_count: int | None = None
    declared_credit_sum: Decimal | None = None
    declared_debit_count: int | None = None
    declared_debit_sum: Decimal | None = None
    declared_count: int | None = None
    declared_sum: Decimal | None = None
    """Net sum of all entries."""
    line: int = 0
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the file that is wrong. Reading goes on where it safely can.

    ``scope`` says what it spoils: ``row`` (that row cannot be posted; where an `Entry` with the same ``line`` is given
    as well, its money counts in totals but it waits for a person), ``statement`` (totals or balances
    disagree: the statement must not be posted as it stands) or ``notice`` (worth telling, spoils nothing).
    The message is a whole sentence that says what to do.
    """

    line: int
    message: str
    scope: Literal["row", "statement", "notice"] = "row"
    field: str = ""
    value: str = ""
    code: str = "invalid"
    raw: str = ""


Record = StatementStart | Entry | StatementEnd | Problem
