"""OFX and QFX statements, version 1 (SGML) and 2 (XML), of bank and credit card accounts.

OFX gives a closing balance but no opening one, so a single file cannot be checked by its balances: closing =
closing of the file before + movements. Investment statements are not bank statements and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from ims.formats.dates import ReadDate, yyyymmdd
from ims.formats.entries import EntryDraft, sealed
from ims.formats.format import Format
from ims.formats.ofx_tokens import OfxTokens, plain
from ims.formats.records import (
    Balance,
    Entry,
    EntryKind,
    Problem,
    Record,
    StatementEnd,
    StatementStart,
    UnreadableFile,
)
from ims.formats.uk_accounts import sort_code_and_account

_STATEMENTS = frozenset(("STMTRS", "CCSTMTRS"))
_LEFT_OUT = frozenset(("INVSTMTRS", "INVSTMTMSGSRSV1"))
_AGGREGATES = frozenset(
    (
        "BANKACCTFROM",
        "CCACCTFROM",
        "LEDGERBAL",
        "AVAILBAL",
        "PAYEE",
        "BANKACCTTO",
        "CCACCTTO",
        "CURRENCY",
        "ORIGCURRENCY",
    )
)
_KINDS: dict[str, EntryKind] = {"FEE": "fee", "SRVCHG": "fee", "INT": "interest", "XFER": "transfer"}
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}\.[0-9]{2}", re.ASCII)
_POINT = re.compile(r"[+-]?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})?(?:\.[0-9]{0,5})?")
_COMMA = re.compile(r"[+-]?(?:[0-9]{1,15}|[0-9]{1,3}(?:\.[0-9]{3}){1,4})?,(?:[0-9]{0,2}|[0-9]{4,5})")
_STRUCTURE = _STATEMENTS | _LEFT_OUT | _AGGREGATES | {"OFX", "STMTTRN", "BANKTRANLIST"}
_MOST_VALUES = 500
_DEEPEST = 10


@dataclass(slots=True)
class _Statement:
    credit_card: bool
    line: int
    version: str
    values: dict[str, str] = field(default_factory=dict)
    started: bool = False


def recognise(head: bytes) -> bool:
    """An OFX header or root element."""
    return bool(re.search(rb"OFXHEADER\s*[:=]|<\?OFX|<OFX>", head[:8192], re.IGNORECASE))


def read(stream: BinaryIO) -> Iterator[Record]:
    """The statements of an OFX file.

    `Entry.line` is the ordinal of the transaction in the file. Problems: ``row`` for a transaction whose amount or
    date cannot be read; ``statement`` for a file that breaks off; ``notice`` for investment statements left out.
    Raises `UnreadableFile` when there is no OFX element, or a document type declaration.
    """
    tokens = OfxTokens(stream)
    reader = _Reader(tokens)
    for batch in tokens.batches():
        for slash, name, text in batch:
            if slash or not reader.keep(name, text):
                yield from reader.take(name.upper(), ended=bool(slash))
    yield from reader.finish()
    yield from tokens.notices


class _Reader:
    """Follows the aggregates that matter and collects the values inside them."""

    def __init__(self, tokens: OfxTokens) -> None:
        self._tokens = tokens
        self._statement: _Statement | None = None
        self._transaction: dict[str, str] | None = None
        self._inside: list[str] = []
        self._ordinal = 0
        self._root_seen = False
        self._root_ended = False
        self._left_out = ""
        self._investments = 0

    def keep(self, name: str, text: str) -> bool:
        """Stores a value of the transaction or the statement being read; False for a tag that means more."""
        key = name.upper()
        if key in _STRUCTURE or self._left_out:
            return False
        values = self._transaction
        if values is None:
            if self._statement is None:
                return False
            values = self._statement.values
        if self._inside:
            key = f"{self._inside[-1]}.{key}"
        if key not in values and len(values) < _MOST_VALUES:
            values[key] = plain(text) if "&" in text else text.strip()
        return True

    def take(self, name: str, *, ended: bool) -> Iterable[Record]:
        """The records that are complete once this tag is seen."""
        if self._left_out:
            if ended and name == self._left_out:
                self._left_out = ""
        elif ended:
            return self._end(name)
        elif name in _LEFT_OUT:
            self._left_out = name
            self._investments += 1
        elif name == "OFX":
            self._root_seen = True
        elif name in _STATEMENTS:
            unfinished = list(self._close_statement(unfinished=True))
            self._statement = _Statement(name == "CCSTMTRS", self._ordinal + 1, self._tokens.version)
            return unfinished
        elif name == "STMTTRN" and self._statement:
            return self._begin_transaction(self._statement)
        elif name in _AGGREGATES and len(self._inside) < _DEEPEST:
            self._inside.append(name)
        return ()

    def _begin_transaction(self, statement: _Statement) -> Sequence[Record]:
        started = () if statement.started else (_start(statement),)
        unfinished = () if self._transaction is None else self._take_transaction(statement)
        self._transaction = {}
        self._inside = []
        return (*started, *unfinished)

    def _end(self, name: str) -> Iterable[Record]:
        if name == "STMTTRN" and self._statement:
            if self._transaction is None:
                return (_damaged(self._ordinal, "a transaction ends that never began"),)
            return self._take_transaction(self._statement)
        if name in _STATEMENTS:
            return self._close_statement(unfinished=False)
        if name == "OFX":
            self._root_ended = True
        elif name in self._inside:
            while self._inside and self._inside.pop() != name:
                pass
        return ()

    def _take_transaction(self, statement: _Statement) -> Sequence[Record]:
        values, self._transaction = self._transaction or {}, None
        self._inside = []
        self._ordinal += 1
        return _transaction(self._ordinal, values, statement.values.get("CURDEF", ""))

    def _close_statement(self, *, unfinished: bool) -> Iterator[Record]:
        statement, self._statement = self._statement, None
        if statement is None:
            return
        if not statement.started:
            yield _start(statement)
        if self._transaction is not None:
            yield from self._take_transaction(statement)
        if unfinished:
            yield _damaged(self._ordinal, "it breaks off before its end (</OFX>)")
        yield from _end(statement, self._ordinal)

    def finish(self) -> Iterator[Record]:
        if not self._root_seen:
            raise UnreadableFile(
                "The file has no <OFX> element, so it is not an OFX statement. Check that the right file was chosen."
            )
        yield from self._close_statement(unfinished=True)
        if not self._root_ended:
            yield _damaged(self._ordinal, "it breaks off before its end (</OFX>)")
        if self._investments:
            yield Problem(
                line=self._ordinal or 1,
                message="The file holds an investment statement, which IMS does not read; it was left out.",
                scope="notice",
                code="investment_statement",
            )


def _damaged(line: int, what: str) -> Problem:
    return Problem(
        line=line or 1,
        message=f"The file is damaged behind transaction {line}: {what}. Fetch it again.",
        scope="statement",
        code="cut_off",
    )


def _start(statement: _Statement) -> StatementStart:
    statement.started = True
    values = statement.values
    source = "CCACCTFROM" if statement.credit_card else "BANKACCTFROM"
    said = {
        "ofx_version": statement.version,
        "kind": "creditcard" if statement.credit_card else "bank",
        "bank": values.get(f"{source}.BANKID", ""),
        "branch": values.get(f"{source}.BRANCHID", ""),
        "account_type": values.get(f"{source}.ACCTTYPE", ""),
    }
    return StatementStart(
        account=values.get(f"{source}.ACCTID", ""),
        currency=values.get("CURDEF", ""),
        starts_on=_date(values.get("DTSTART", "")).on,
        ends_on=_date(values.get("DTEND", "")).on,
        line=statement.line,
        extra={name: text for name, text in said.items() if text},
    )


def _end(statement: _Statement, line: int) -> Iterator[Record]:
    balances: dict[str, Balance | None] = {}
    for name in ("LEDGERBAL", "AVAILBAL"):
        text = statement.values.get(f"{name}.BALAMT", "")
        amount = _amount(text)
        balances[name] = (
            None if amount is None else Balance(amount, _date(statement.values.get(f"{name}.DTASOF", "")).on)
        )
        if text and amount is None:
            yield Problem(
                line=line or 1,
                message=f"The balance {name} “{text}” cannot be read. Ask the bank for the file again.",
                scope="statement",
                field=name,
                value=text,
                code="unreadable_balance",
            )
    yield StatementEnd(closing=balances["LEDGERBAL"], available=balances["AVAILBAL"], line=line)


def _transaction(line: int, values: dict[str, str], statement_currency: str) -> Sequence[Record]:
    amount = _amount(values.get("TRNAMT", ""))
    posted = _date(values.get("DTPOSTED", ""))
    raw = "\n".join([f"<{name}>{text}" for name, text in values.items()])
    currency = values.get("CURRENCY.CURSYM") or statement_currency
    if amount is None or (currency == "GBP" and amount != round(amount, 2)):
        return (_row_problem(line, "TRNAMT", values.get("TRNAMT", ""), "amount", raw),)
    entry = _entry(line, values, amount, currency, posted.on, raw)
    if posted.on is not None and currency == statement_currency:
        return (entry,)
    problems = []
    if posted.on is None:
        problems.append(_row_problem(line, "DTPOSTED", values.get("DTPOSTED", ""), "date", raw))
    if currency != statement_currency:
        problems.append(_row_problem(line, "CURSYM", currency, "currency", raw))
    return (*problems, entry)


def _entry(line: int, values: dict[str, str], amount: Decimal, currency: str, posted: date | None, raw: str) -> Entry:
    name = values.get("NAME") or values.get("PAYEE.NAME", "")
    memo = values.get("MEMO", "")
    kind = values.get("TRNTYPE", "").upper()
    sort_code, account = (
        sort_code_and_account(values["BANKACCTTO.ACCTID"]) if "BANKACCTTO.ACCTID" in values else ("", "")
    )
    said = {
        "fitid": values.get("FITID", ""),
        "cheque_number": values.get("CHECKNUM", ""),
        "user_date": values.get("DTUSER", ""),
        "sic": values.get("SIC", ""),
    }
    spoken = [name, "" if memo == name else memo, values.get("REFNUM", "")]
    draft = EntryDraft(
        line=line,
        amount=amount,
        kind=_KINDS.get(kind) or ("receipt" if amount >= 0 else "payment"),
        currency=currency,
        booked_on=posted,
        value_on=_date(values["DTAVAIL"]).on or posted if "DTAVAIL" in values else posted,
        type_code=kind,
        bank_reference=values.get("FITID", ""),
        reference=values.get("REFNUM", ""),
        payer_name=name,
        payer_sort_code=values.get("BANKACCTTO.BANKID", "") or sort_code,
        payer_account=account,
        narrative=" ".join(" ".join(spoken).split()),
        extra={key: text for key, text in said.items() if text},
        raw=raw,
    )
    return sealed(draft)


def _row_problem(line: int, field: str, value: str, what: str, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Transaction {line}: the {what} “{value}” ({field}) cannot be used, so it cannot be posted as it is. "
        "Ask the bank for the file again or enter the receipt by hand.",
        field=field,
        value=value,
        code=f"unreadable_{what}",
        raw=raw,
    )


def _amount(text: str) -> Decimal | None:
    """A signed amount with a point or a comma; None when blank or when a mark could mean either."""
    if _PLAIN.fullmatch(text):
        amount = Decimal(text)
        return amount or abs(amount)
    text = text.strip().replace(" ", "")
    if not any(character.isdigit() for character in text):
        return None
    if _POINT.fullmatch(text) and not re.fullmatch(r"[+-]?[0-9]{1,3},[0-9]{3}", text):
        amount = Decimal(text.replace(",", ""))
    elif _COMMA.fullmatch(text):
        amount = Decimal(text.replace(".", "").replace(",", "."))
    else:
        return None
    return amount or abs(amount)


def _date(text: str) -> ReadDate:
    """``YYYYMMDD``, whatever time and zone stand behind it: the bank's own day is the booking day."""
    return yyyymmdd(text.strip()[:8])


FORMATS = (Format("ofx", "OFX or QFX statement", recognise, read),)
