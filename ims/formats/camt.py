"""ISO 20022 account statements: camt.052 (intraday), camt.053 (end of day), camt.054 (notification), any version.

Elements are matched by local name, so files without a namespace or inside an envelope are read too. The sign
comes from CdtDbtInd alone: RvslInd says that an entry undoes an earlier one, not that its direction differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO

from lxml import etree

from ims.formats.camt_entry import EntryReader, amount_with_sign
from ims.formats.dates import iso_date
from ims.formats.format import Format
from ims.formats.records import Balance, Problem, Record, StatementEnd, StatementStart, UnreadableFile
from ims.formats.xml_stream import XmlStream, ended_elements, forget_before
from ims.formats.xml_tree import Node, all_nodes, at, first, local_name, prefix_length, texts_apart, tree

_STATEMENTS = ("Stmt", "Rpt", "Ntfctn")
_END_OF_DAY = "Stmt"
_WATCHED = ("GrpHdr", "Ntry", *_STATEMENTS)
_ROOTS = {"camt.052": b"BkToCstmrAcctRpt", "camt.053": b"BkToCstmrStmt", "camt.054": b"BkToCstmrDbtCdtNtfctn"}


@dataclass(slots=True)
class _Statement:
    """What the head of a statement said that is needed at its foot."""

    element: etree._Element
    currency: str
    line: int
    end_of_day: bool
    opening: Balance | None
    end: StatementEnd
    problems: list[Problem] = field(default_factory=list)


def _recogniser(root: bytes):
    opening_tag = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?" + root + rb"[\s/>]")
    return lambda head: bool(opening_tag.search(head))


def recognise(head: bytes) -> bool:
    """True for any of the three messages."""
    return any(known.recognise(head) for known in FORMATS)


def read(stream: BinaryIO) -> Iterator[Record]:
    """The statements of a camt.052, 053 or 054 file.

    `Entry.line` is the ordinal of the entry in the file, batch members included, from 1. A batch entry whose
    members all carry an amount is given with ``member_count``, followed by its members. Problems: ``row`` for an
    entry without a readable amount, direction or status, or whose members do not add up to it; ``statement`` for
    balances in another currency or a lone balance. Raises `UnreadableFile` for broken XML, a document type
    declaration, or a document without a statement.
    """
    source = XmlStream(stream)
    reader = _Reader()
    for element in ended_elements(source, _WATCHED, what="statement"):
        yield from reader.take(element)
    yield from source.notices
    if not reader.statements_read:
        raise UnreadableFile(
            "The XML holds no account statement, report or notification (camt.052, 053 or 054). "
            "Check that the right file and format were chosen."
        )


class _Reader:
    """Turns ended elements into records."""

    def __init__(self) -> None:
        self._statement: _Statement | None = None
        self._entries = EntryReader()
        self._header: Node = {}
        self.statements_read = 0

    def take(self, element: etree._Element) -> Iterator[Record]:
        name = local_name(element)
        if name == "GrpHdr":
            self._header = tree(element, prefix_length(element))
        elif name == "Ntry":
            yield from self._take_entry(element)
        else:
            yield from self._end_statement(element)

    def _take_entry(self, element: etree._Element) -> Iterator[Record]:
        parent = element.getparent()
        if parent is None or local_name(parent) not in _STATEMENTS:
            return
        prefix = prefix_length(element)
        entry, details = texts_apart(element, prefix, "NtryDtls", "TxDtls")
        if self._statement is None:
            yield self._start(parent, prefix, first_currency=entry.at("Amt@Ccy"))
        assert self._statement is not None  # _start sets it
        member_raws = _cut_out(element, "TxDtls") if len(details) > 1 else []
        yield from self._entries.records(entry, details, self._statement.currency, _raw(element), member_raws)
        forget_before(element)

    def _start(self, element: etree._Element, prefix: int, first_currency: str = "") -> StatementStart:
        head = tree(element, prefix, leave_out="Ntry")
        self._statement, start = _statement_head(element, head, self._header, first_currency, self._entries.ordinal + 1)
        self.statements_read += 1
        return start

    def _end_statement(self, element: etree._Element) -> Iterator[Record]:
        if self._statement is None:
            yield self._start(element, prefix_length(element))
        statement, self._statement = self._statement, None
        assert statement is not None
        yield from statement.problems
        yield statement.end
        forget_before(element)


def _raw(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _cut_out(entry: etree._Element, name: str) -> list[str]:
    """Takes the elements of this name out of an entry that is complete; gives their text."""
    found = list(entry.iterfind(f".//{{*}}{name}"))
    raws = [_raw(element) for element in found]
    for element in found:
        element.getparent().remove(element)
    return raws


def _statement_head(
    element: etree._Element, head: Node, header: Node, first_currency: str, line: int
) -> tuple[_Statement, StatementStart]:
    end_of_day = local_name(element) == _END_OF_DAY
    balances = _Balances(head, line)
    currency = at(head, "Acct", "Ccy") or balances.currency or first_currency
    problems = [*balances.problems, *_balance_problems(balances, currency, end_of_day, line)]
    extra = _statement_extra(head, header) | balances.described()
    if prefix := prefix_length(element):
        extra["namespace"] = element.tag[1 : prefix - 1]
    period = first(head, "FrToDt")
    start = StatementStart(
        account=at(head, "Acct", "Id", "IBAN") or at(head, "Acct", "Id", "Othr", "Id"),
        currency=currency,
        number=at(head, "ElctrncSeqNb") or at(head, "LglSeqNb"),
        reference=at(head, "Id"),
        opening=balances.opening,
        starts_on=iso_date(at(period, "FrDtTm") or at(period, "FrDt")).on,
        ends_on=iso_date(at(period, "ToDtTm") or at(period, "ToDt")).on,
        line=line,
        extra=extra,
    )
    credits, debits = first(head, "TxsSummry", "TtlCdtNtries"), first(head, "TxsSummry", "TtlDbtNtries")
    end = StatementEnd(
        closing=balances.closing,
        available=balances.available,
        declared_credit_count=_count(at(credits, "NbOfNtries")),
        declared_credit_sum=_sum(at(credits, "Sum")),
        declared_debit_count=_count(at(debits, "NbOfNtries")),
        declared_debit_sum=_sum(at(debits, "Sum")),
        declared_count=_count(at(head, "TxsSummry", "TtlNtries", "NbOfNtries")),
        declared_sum=_net(first(head, "TxsSummry", "TtlNtries")),
        line=line,
    )
    return _Statement(element, currency, line, end_of_day, balances.opening, end, problems), start


def _statement_extra(head: Node, header: Node) -> dict[str, str]:
    servicer = first(head, "Acct", "Svcr", "FinInstnId")
    said = {
        "message_id": at(header, "MsgId"),
        "created": at(head, "CreDtTm") or at(header, "CreDtTm"),
        "page": at(head, "StmtPgntn", "PgNb") or at(header, "MsgPgntn", "PgNb"),
        "last_page": at(head, "StmtPgntn", "LastPgInd") or at(header, "MsgPgntn", "LastPgInd"),
        "copy_or_duplicate": at(head, "CpyDplctInd"),
        "servicer_bic": at(servicer, "BICFI") or at(servicer, "BIC"),
        "servicer_sort_code": at(servicer, "ClrSysMmbId", "MmbId"),
        "information": at(head, "AddtlStmtInf") or at(head, "AddtlRptInf") or at(head, "AddtlNtfctnInf"),
    }
    return {name: text for name, text in said.items() if text}


class _Balances:
    """The balances of a statement by what they are for."""

    def __init__(self, head: Node, line: int) -> None:
        self.problems: list[Problem] = []
        self._line = line
        self._found: dict[str, tuple[Balance, str]] = {}
        self._described: dict[str, list[str]] = {}
        first_interim = last_interim = ""
        for number, node in enumerate(all_nodes(head, "Bal")):
            code = at(node, "Tp", "CdOrPrtry", "Cd")
            said = f"{at(node, 'CdtDbtInd')} {at(node, 'Amt')} {at(node, 'Amt@Ccy')}"
            self._described.setdefault(code or at(node, "Tp", "CdOrPrtry", "Prtry"), []).append(said)
            if code == "ITBD":
                first_interim, last_interim = first_interim or f"ITBD{number}", f"ITBD{number}"
                code = last_interim
            self._take(code, node)
        page = at(head, "StmtPgntn", "PgNb")
        self._opening = self._pick("OPBD", "PRCD", first_interim if page not in ("", "1") else "")
        unfinished = at(head, "StmtPgntn", "LastPgInd") == "false"
        self._closing = self._pick("CLBD", last_interim if unfinished else "")
        self._available = self._pick("CLAV")

    @property
    def opening(self) -> Balance | None:
        return self._opening[0] if self._opening else None

    @property
    def closing(self) -> Balance | None:
        return self._closing[0] if self._closing else None

    @property
    def available(self) -> Balance | None:
        return self._available[0] if self._available else None

    @property
    def currencies(self) -> list[str]:
        return [found[1] for found in (self._opening, self._closing) if found]

    @property
    def currency(self) -> str:
        return self.currencies[0] if self.currencies else ""

    def described(self) -> dict[str, str]:
        """Every balance of the statement by its code, as the file gives it: ``{"balance_CLBD": "CRDT 12.50 GBP"}``."""
        return {f"balance_{code}": "; ".join(amounts) for code, amounts in self._described.items()}

    def _pick(self, *codes: str) -> tuple[Balance, str] | None:
        return next((self._found[code] for code in codes if code in self._found), None)

    def _take(self, code: str, node: Node) -> None:
        amount = amount_with_sign(at(node, "Amt"), at(node, "CdtDbtInd"))
        if amount is None:
            self.problems.append(
                Problem(
                    line=self._line,
                    message=f"The balance {code} of the statement, “{at(node, 'Amt')} {at(node, 'CdtDbtInd')}”, cannot "
                    "be read, so the statement cannot be checked. Ask the bank for the file again.",
                    scope="statement",
                    field=code,
                    value=at(node, "Amt"),
                    code="unreadable_balance",
                )
            )
            return
        on = iso_date(at(node, "Dt", "Dt") or at(node, "Dt", "DtTm")).on
        self._found.setdefault(code, (Balance(amount, on), at(node, "Amt@Ccy")))


def _balance_problems(balances: _Balances, currency: str, end_of_day: bool, line: int) -> Iterator[Problem]:
    for other in balances.currencies:
        if other != currency:
            yield Problem(
                line=line,
                message=f"A balance of the statement is in “{other}” but the account is in {currency}. "
                "Ask the bank for the file again.",
                scope="statement",
                field="Bal/Amt/@Ccy",
                value=other,
                code="currency_differs",
            )
    if not end_of_day:
        return
    missing = [name for name, found in (("opening", balances.opening), ("closing", balances.closing)) if not found]
    if len(missing) == 1:
        yield Problem(
            line=line,
            message=f"The statement has no readable {missing[0]} balance, so it cannot be checked. "
            "Ask the bank for the complete file.",
            scope="statement",
            field="Bal",
            code="balance_missing",
        )
    elif missing:
        yield Problem(
            line=line,
            message="The statement has no balances, so nothing shows that it is complete.",
            scope="notice",
            field="Bal",
            code="balance_missing",
        )


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _sum(text: str) -> Decimal | None:
    return amount_with_sign(text, "CRDT")


def _net(node: Node) -> Decimal | None:
    net = first(node, "TtlNetNtry") or node
    return amount_with_sign(at(net, "TtlNetNtryAmt") or at(net, "Amt"), at(net, "CdtDbtInd"))


FORMATS = tuple(
    Format(name, title, _recogniser(_ROOTS[name]), read)
    for name, title in (
        ("camt.052", "ISO 20022 camt.052 intraday report"),
        ("camt.053", "ISO 20022 camt.053 statement"),
        ("camt.054", "ISO 20022 camt.054 notification"),
    )
)
