"""One `Ntry` of a camt message: the entry, and the members of a batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from ims.formats.dates import ReadDate, iso_date
from ims.formats.records import Entry, EntryKind, EntryStatus, Problem, Record
from ims.formats.uk_accounts import sort_code_and_account
from ims.formats.xml_tree import Node, all_nodes, all_texts, at, first

_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,5})?|\.[0-9]{1,5}", re.ASCII)
_STATUSES: dict[str, EntryStatus] = {"BOOK": "booked", "PDNG": "pending", "FUTR": "pending", "INFO": "information"}
_NOT_PROVIDED = frozenset(("", "NOTPROVIDED", "NOT PROVIDED"))
_DIRECT_DEBIT_FAMILIES = frozenset(("IDDT", "RDDT"))
_UNPAID_DIRECT_DEBIT = frozenset(("UPDD", "PRDD", "RCDD"))
_FEES = frozenset(("CHRG", "FEES", "COMM"))
_INTEREST = frozenset(("INTR",))


def amount_with_sign(text: str, indicator: str) -> Decimal | None:
    """The amount, negative for DBIT; None when the amount or the indicator cannot be read."""
    if indicator not in ("CRDT", "DBIT") or not _AMOUNT.fullmatch(text):
        return None
    value = Decimal(text)
    return -value if indicator == "DBIT" and value else value


class _Facts(NamedTuple):
    """What all records of one `Ntry` share."""

    line: int
    amount: Decimal
    currency: str
    status: EntryStatus
    booked_on: ReadDate
    value_on: ReadDate
    raw: str


class EntryReader:
    """Reads entries one after the other and numbers them."""

    def __init__(self) -> None:
        self.ordinal = 0

    def records(self, node: Node, currency: str, raw: str) -> Iterator[Record]:
        """The entry, its members and what is wrong with it."""
        self.ordinal += 1
        line = self.ordinal
        amount = amount_with_sign(at(node, "Amt"), at(node, "CdtDbtInd"))
        own_currency = at(node, "Amt@Ccy")
        if amount is None or (own_currency == "GBP" and amount != round(amount, 2)):
            yield _row(
                line,
                f"the amount “{at(node, 'Amt')} {at(node, 'CdtDbtInd')}” cannot be read. Nothing was taken from it; "
                "ask the bank for the file again or enter the receipt by hand",
                "Amt",
                at(node, "Amt"),
                "unreadable_entry",
                raw,
            )
            return
        status = _STATUSES.get(_status(node), "booked")
        facts = _Facts(line, amount, own_currency, status, _date(node, "BookgDt"), _date(node, "ValDt"), raw)
        yield from _doubts(node, facts, currency)
        details = [detail for block in all_nodes(node, "NtryDtls") for detail in all_nodes(block, "TxDtls")]
        members = _member_amounts(details, facts) if len(details) > 1 else []
        if members:
            yield from self._batch(node, facts, details, members)
        else:
            if len(details) > 1:
                yield _batch_not_split(facts, len(details))
            yield _entry(node, facts, details)

    def _batch(self, node: Node, facts: _Facts, details: list[Node], amounts: list[Decimal]) -> Iterator[Record]:
        if sum(amounts) != facts.amount:
            yield _row(
                facts.line,
                f"its {len(amounts)} parts add up to {sum(amounts)}, not to {facts.amount}. Post the "
                "total by hand and ask the bank for the missing detail",
                "TxDtls",
                str(sum(amounts)),
                "batch_does_not_add_up",
                facts.raw,
            )
        yield _entry(node, facts, [], member_count=len(details))
        for detail, amount in zip(details, amounts, strict=True):
            self.ordinal += 1
            member = facts._replace(line=self.ordinal, amount=amount, raw="")
            yield _entry(node, member, [detail], parent=facts.line)


def _status(node: Node) -> str:
    return at(node, "Sts") or at(node, "Sts", "Cd")


def _date(node: Node, name: str) -> ReadDate:
    return iso_date(at(node, name, "Dt") or at(node, name, "DtTm"))


def _doubts(node: Node, facts: _Facts, currency: str) -> Iterator[Problem]:
    if _status(node) not in _STATUSES:
        yield _row(
            facts.line,
            f"its status “{_status(node)}” is unknown, so it cannot be told whether the money has arrived. "
            "Check it on the bank's portal",
            "Sts",
            _status(node),
            "unknown_status",
            facts.raw,
        )
    if facts.currency != currency:
        yield _row(
            facts.line,
            f"it is in “{facts.currency}” but the account is in {currency}. Ask the bank for the file again",
            "Amt/@Ccy",
            facts.currency,
            "currency_differs",
            facts.raw,
        )
    if facts.booked_on.on is None and facts.value_on.on is None:
        yield Problem(
            line=facts.line,
            message=f"Entry {facts.line} has no readable date; the date of the file has to be used.",
            scope="notice",
            field="BookgDt",
            code="date",
        )


def _row(line: int, what: str, field: str, value: str, code: str, raw: str) -> Problem:
    return Problem(line=line, message=f"Entry {line}: {what}.", field=field, value=value, code=code, raw=raw)


def _batch_not_split(facts: _Facts, count: int) -> Problem:
    return Problem(
        line=facts.line,
        message=f"Entry {facts.line} lists {count} payments but not the amount of each, so it stays one receipt of "
        f"{abs(facts.amount)}. Ask the bank for amounts in the batch details.",
        scope="notice",
        field="TxDtls",
        code="batch_not_split",
    )


def _member_amounts(details: list[Node], facts: _Facts) -> list[Decimal]:
    """The signed amount of each member; empty unless every one has an amount in the entry's currency."""
    direction = "DBIT" if facts.amount < 0 else "CRDT"
    amounts = []
    for detail in details:
        holder = detail if at(detail, "Amt") else first(detail, "AmtDtls", "TxAmt")
        amount = amount_with_sign(at(holder, "Amt"), at(detail, "CdtDbtInd") or direction)
        if amount is None or at(holder, "Amt@Ccy") != facts.currency:
            return []
        amounts.append(amount)
    return amounts


def _entry(node: Node, facts: _Facts, details: list[Node], member_count: int = 0, parent: int | None = None) -> Entry:
    detail = details[0] if details else {}
    money_in = facts.amount > 0 or (not facts.amount and at(node, "CdtDbtInd") == "CRDT")
    type_code, proprietary = _type_code(node, detail)
    structured, unstructured = _remittance(details)
    references = first(detail, "Refs")
    end_to_end = at(references, "EndToEndId")
    if end_to_end in _NOT_PROVIDED:
        end_to_end = ""
    payer_name, payer_account, payer_bank = _counterparty(detail, money_in)
    sort_code, account = sort_code_and_account(payer_account)
    reason_code = at(detail, "RtrInf", "Rsn", "Cd")
    spoken = [*structured, *unstructured, end_to_end, at(detail, "AddtlTxInf"), at(node, "AddtlNtryInf")]
    return Entry(
        line=facts.line,
        amount=facts.amount,
        kind=_kind(type_code, money_in, bool(first(detail, "RtrInf"))),
        status=facts.status,
        currency=facts.currency,
        booked_on=facts.booked_on.on or facts.value_on.on,
        value_on=facts.value_on.on,
        mark="CRDT" if money_in else "DBIT",
        reversal=at(node, "RvslInd") in ("true", "1"),
        type_code=type_code or proprietary,
        bank_reference=at(references, "AcctSvcrRef") if parent else at(node, "AcctSvcrRef"),
        reference=structured[0] if structured else end_to_end,
        end_to_end_reference=end_to_end,
        payer_name=payer_name,
        payer_sort_code=sort_code,
        payer_account=account,
        narrative=" ".join(" ".join(spoken).split()),
        reason_code=reason_code,
        reason=at(detail, "RtrInf", "AddtlInf"),
        parent=parent,
        member_count=member_count,
        extra=_extra(node, detail, references, proprietary, payer_bank),
        raw=facts.raw,
    )


def _type_code(node: Node, detail: Node) -> tuple[str, str]:
    """Domain/family/sub-family, and the bank's own code; those of the details where the entry has none."""
    for holder in (node, detail):
        domain = first(holder, "BkTxCd", "Domn")
        parts = (at(domain, "Cd"), at(domain, "Fmly", "Cd"), at(domain, "Fmly", "SubFmlyCd"))
        code = "/".join(part for part in parts if part)
        proprietary = at(holder, "BkTxCd", "Prtry", "Cd")
        if code or proprietary:
            return code, proprietary
    return "", ""


def _kind(type_code: str, money_in: bool, returned: bool) -> EntryKind:
    parts = type_code.split("/")
    family = parts[1] if len(parts) > 1 else ""
    sub_family = parts[2] if len(parts) > 2 else ""
    if sub_family in _FEES:
        return "fee"
    if sub_family in _INTEREST:
        return "interest"
    if not money_in and (sub_family in _UNPAID_DIRECT_DEBIT or (returned and family in _DIRECT_DEBIT_FAMILIES)):
        return "unpaid_direct_debit"
    if money_in and returned:
        return "returned_credit"
    return "receipt" if money_in else "payment"


def _remittance(details: list[Node]) -> tuple[list[str], list[str]]:
    structured, unstructured = [], []
    for detail in details:
        for remittance in all_nodes(detail, "RmtInf"):
            structured += [
                reference
                for item in all_nodes(remittance, "Strd")
                if (reference := at(item, "CdtrRefInf", "Ref") or at(item, "CdtrRefInf", "CdtrRef"))
            ]
            unstructured += all_texts(remittance, "Ustrd")
    return structured, unstructured


def _counterparty(detail: Node, money_in: bool) -> tuple[str, str, str]:
    """Name, account and bank of the other side: the debtor of money in, the creditor of money out."""
    role = "Dbtr" if money_in else "Cdtr"
    parties = first(detail, "RltdPties")
    if not parties and not detail:
        return "", "", ""
    party = first(parties, role)
    name = at(party, "Nm") or at(party, "Pty", "Nm") or at(parties, f"Ultmt{role}", "Nm")
    account = first(parties, f"{role}Acct", "Id")
    agent = first(detail, "RltdAgts", f"{role}Agt", "FinInstnId")
    bank = at(agent, "ClrSysMmbId", "MmbId") or at(agent, "BICFI") or at(agent, "BIC")
    return name, at(account, "IBAN") or at(account, "Othr", "Id"), bank


def _extra(node: Node, detail: Node, references: Node, proprietary: str, payer_bank: str) -> dict[str, str]:
    batch = first(node, "NtryDtls", "Btch")
    said = {
        "entry_reference": at(node, "NtryRef"),
        "proprietary_code": proprietary,
        "payer_bank": payer_bank,
        "mandate_reference": at(references, "MndtId"),
        "instruction_id": at(references, "InstrId"),
        "transaction_id": at(references, "TxId"),
        "uetr": at(references, "UETR"),
        "cheque_number": at(references, "ChqNb"),
        "batch_count": at(batch, "NbOfTxs"),
        "batch_id": at(batch, "PmtInfId"),
        "ultimate_debtor": at(detail, "RltdPties", "UltmtDbtr", "Nm"),
    }
    return {name: text for name, text in said.items() if text}
