"""One `Ntry` of a camt message: the entry, and the members of a batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ims.formats.dates import iso_date
from ims.formats.entries import EntryDraft, sealed
from ims.formats.records import Entry, EntryKind, EntryStatus, Problem, Record
from ims.formats.uk_accounts import sort_code_and_account
from ims.formats.xml_tree import Texts

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
    booked_on: date | None
    value_on: date | None
    raw: str


class EntryReader:
    """Reads entries one after the other and numbers them."""

    def __init__(self) -> None:
        self.ordinal = 0

    def records(
        self, entry: Texts, details: list[Texts], currency: str, raw: str, member_raws: list[str]
    ) -> Iterator[Record]:
        """The entry, its members and what is wrong with it. With several details ``raw`` is the entry without
        them and ``member_raws`` holds each."""
        self.ordinal += 1
        line = self.ordinal
        amount = amount_with_sign(entry.at("Amt"), entry.at("CdtDbtInd"))
        own_currency = entry.at("Amt@Ccy")
        if amount is None or (own_currency == "GBP" and amount != round(amount, 2)):
            yield _unreadable(line, entry, raw)
            return
        status = _STATUSES.get(_status(entry))
        facts = _Facts(
            line, amount, own_currency, status or "booked", _date(entry, "BookgDt"), _date(entry, "ValDt"), raw
        )
        if status is None or own_currency != currency or not (facts.booked_on or facts.value_on):
            yield from _doubts(entry, facts, currency)
        members = _member_amounts(details, facts) if len(details) > 1 else []
        if members:
            yield from self._batch(entry, facts, details, members, member_raws)
            return
        if len(details) > 1:
            yield _batch_not_split(facts, len(details))
            facts = facts._replace(raw=raw + "".join(member_raws))
        yield _entry(entry, facts, details)

    def _batch(
        self, entry: Texts, facts: _Facts, details: list[Texts], amounts: list[Decimal], raws: list[str]
    ) -> Iterator[Record]:
        if sum(amounts) != facts.amount:
            yield _row(
                facts,
                f"its {len(amounts)} parts add up to {sum(amounts)}, not to {facts.amount}. Post the total by hand and "
                "ask the bank for the missing detail",
                "TxDtls",
                str(sum(amounts)),
                "batch_does_not_add_up",
            )
        yield _entry(entry, facts, [], member_count=len(details))
        for detail, amount, raw in zip(details, amounts, raws, strict=True):
            self.ordinal += 1
            member = facts._replace(line=self.ordinal, amount=amount, raw=raw)
            yield _entry(entry, member, [detail], parent=facts.line)


def _status(entry: Texts) -> str:
    return entry.at("Sts") or entry.at("Sts/Cd")


def _date(entry: Texts, name: str) -> date | None:
    text = entry.by_path.get(f"{name}/Dt") or entry.by_path.get(f"{name}/DtTm")
    return iso_date(text[:10]).on if text else None


def _unreadable(line: int, entry: Texts, raw: str) -> Problem:
    said = f"{entry.at('Amt')} {entry.at('CdtDbtInd')}".strip()
    return Problem(
        line=line,
        message=f"Entry {line}: the amount “{said}” cannot be read. Nothing was taken from it; ask the bank for the "
        "file again or enter the receipt by hand.",
        field="Amt",
        value=entry.at("Amt"),
        code="unreadable_entry",
        raw=raw,
    )


def _doubts(entry: Texts, facts: _Facts, currency: str) -> Iterator[Problem]:
    status = _status(entry)
    if status not in _STATUSES:
        yield _row(
            facts,
            f"its status “{status}” is unknown, so it cannot be told whether the money has arrived. "
            "Check it on the bank's portal",
            "Sts",
            status,
            "unknown_status",
        )
    if facts.currency != currency:
        yield _row(
            facts,
            f"it is in “{facts.currency}” but the account is in {currency}. Ask the bank for the file again",
            "Amt/@Ccy",
            facts.currency,
            "currency_differs",
        )
    if facts.booked_on is None and facts.value_on is None:
        yield Problem(
            line=facts.line,
            message=f"Entry {facts.line} has no readable date; the date of the file has to be used.",
            scope="notice",
            field="BookgDt",
            code="date",
        )


def _row(facts: _Facts, what: str, field: str, value: str, code: str) -> Problem:
    return Problem(
        line=facts.line,
        message=f"Entry {facts.line}: {what}.",
        field=field,
        value=value,
        code=code,
        raw=facts.raw,
    )


def _batch_not_split(facts: _Facts, count: int) -> Problem:
    return Problem(
        line=facts.line,
        message=f"Entry {facts.line} lists {count} payments but not the amount of each, so it stays one receipt of "
        f"{abs(facts.amount)}. Ask the bank for amounts in the batch details.",
        scope="notice",
        field="TxDtls",
        code="batch_not_split",
    )


def _member_amounts(details: list[Texts], facts: _Facts) -> list[Decimal]:
    """The signed amount of each member; empty unless every one has an amount in the entry's currency."""
    direction = "DBIT" if facts.amount < 0 else "CRDT"
    amounts = []
    for detail in details:
        path = "Amt" if detail.at("Amt") else "AmtDtls/TxAmt/Amt"
        amount = amount_with_sign(detail.at(path), detail.at("CdtDbtInd") or direction)
        if amount is None or detail.at(path + "@Ccy") != facts.currency:
            return []
        amounts.append(amount)
    return amounts


_NO_DETAIL = Texts()


def _entry(
    entry: Texts, facts: _Facts, details: list[Texts], member_count: int = 0, parent: int | None = None
) -> Entry:
    detail = details[0] if details else _NO_DETAIL
    said, more = entry.by_path.get, detail.by_path.get
    money_in = facts.amount > 0 or (not facts.amount and said("CdtDbtInd") == "CRDT")
    type_code, proprietary = _type_code(entry, detail)
    structured, unstructured = _remittance(details)
    end_to_end = more("Refs/EndToEndId", "")
    if end_to_end in _NOT_PROVIDED:
        end_to_end = ""
    payer_name, payer_account, payer_bank = _counterparty(detail, money_in)
    sort_code, account = sort_code_and_account(payer_account) if payer_account else ("", "")
    spoken = (*structured, *unstructured, end_to_end, more("AddtlTxInf", ""), said("AddtlNtryInf", ""))
    draft = EntryDraft(
        line=facts.line,
        amount=facts.amount,
        kind=_kind(type_code, money_in, "RtrInf/Rsn/Cd" in detail.by_path or "RtrInf/Rsn/Prtry" in detail.by_path),
        status=facts.status,
        currency=facts.currency,
        booked_on=facts.booked_on or facts.value_on,
        value_on=facts.value_on,
        mark="CRDT" if money_in else "DBIT",
        reversal=said("RvslInd") in ("true", "1"),
        type_code=type_code or proprietary,
        bank_reference=more("Refs/AcctSvcrRef", "") if parent else said("AcctSvcrRef", ""),
        reference=structured[0] if structured else end_to_end,
        end_to_end_reference=end_to_end,
        payer_name=payer_name,
        payer_sort_code=sort_code,
        payer_account=account,
        narrative=" ".join(" ".join(spoken).split()),
        reason_code=more("RtrInf/Rsn/Cd") or more("RtrInf/Rsn/Prtry", ""),
        reason=more("RtrInf/AddtlInf", ""),
        parent=parent,
        member_count=member_count,
        extra=_extra(entry, details, proprietary, payer_bank),
        raw=facts.raw,
    )
    return sealed(draft)


def _type_code(entry: Texts, detail: Texts) -> tuple[str, str]:
    """Domain/family/sub-family, and the bank's own code; those of the details where the entry has none."""
    for holder in (entry.by_path, detail.by_path):
        domain, proprietary = holder.get("BkTxCd/Domn/Cd"), holder.get("BkTxCd/Prtry/Cd", "")
        if domain:
            family = holder.get("BkTxCd/Domn/Fmly/Cd", "")
            return f"{domain}/{family}/{holder.get('BkTxCd/Domn/Fmly/SubFmlyCd', '')}".rstrip("/"), proprietary
        if proprietary:
            return "", proprietary
    return "", ""


def _kind(type_code: str, money_in: bool, returned: bool) -> EntryKind:
    _, _, family_and_sub = type_code.partition("/")
    family, _, sub_family = family_and_sub.partition("/")
    if sub_family in _FEES:
        return "fee"
    if sub_family in _INTEREST:
        return "interest"
    if not money_in and (sub_family in _UNPAID_DIRECT_DEBIT or (returned and family in _DIRECT_DEBIT_FAMILIES)):
        return "unpaid_direct_debit"
    if money_in and returned:
        return "returned_credit"
    return "receipt" if money_in else "payment"


def _remittance(details: list[Texts]) -> tuple[list[str], list[str]]:
    structured: list[str] = []
    unstructured: list[str] = []
    for detail in details:
        structured += detail.all("RmtInf/Strd/CdtrRefInf/Ref") or detail.all("RmtInf/Strd/CdtrRefInf/CdtrRef")
        unstructured += detail.all("RmtInf/Ustrd")
    return structured, unstructured


def _counterparty(detail: Texts, money_in: bool) -> tuple[str, str, str]:
    """Name, account and bank of the other side: the debtor of money in, the creditor of money out."""
    said = detail.by_path.get
    role = "Dbtr" if money_in else "Cdtr"
    party, agent = f"RltdPties/{role}", f"RltdAgts/{role}Agt/FinInstnId"
    name = said(f"{party}/Nm") or said(f"{party}/Pty/Nm") or said(f"RltdPties/Ultmt{role}/Nm", "")
    account = said(f"{party}Acct/Id/IBAN") or said(f"{party}Acct/Id/Othr/Id", "")
    bank = said(f"{agent}/ClrSysMmbId/MmbId") or said(f"{agent}/BICFI") or said(f"{agent}/BIC", "")
    return name, account, bank


_EXTRA_OF_ENTRY = (
    ("entry_reference", "NtryRef"),
    ("batch_count", "NtryDtls/Btch/NbOfTxs"),
    ("batch_id", "NtryDtls/Btch/PmtInfId"),
)
_EXTRA_OF_DETAIL = (
    ("mandate_reference", "Refs/MndtId"),
    ("instruction_id", "Refs/InstrId"),
    ("transaction_id", "Refs/TxId"),
    ("uetr", "Refs/UETR"),
    ("cheque_number", "Refs/ChqNb"),
    ("ultimate_debtor", "RltdPties/UltmtDbtr/Nm"),
)


def _extra(entry: Texts, details: list[Texts], proprietary: str, payer_bank: str) -> dict[str, str]:
    extra = {}
    detail = details[0] if details else _NO_DETAIL
    if details:
        extra["transaction_details"] = str(len(details))
    if proprietary:
        extra["proprietary_code"] = proprietary
    if payer_bank:
        extra["payer_bank"] = payer_bank
    for texts, names in ((entry.by_path, _EXTRA_OF_ENTRY), (detail.by_path, _EXTRA_OF_DETAIL)):
        for name, path in names:
            text = texts.get(path)
            if text:
                extra[name] = text
    return extra
