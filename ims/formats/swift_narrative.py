"""The free text of a SWIFT entry: joined, and taken apart where a bank structures it.

Three ways are known: the two-digit sub-fields of German banks (``?20…?32…``), code words between slashes
(``/NAME/…/REMI/…``), and the fixed columns of the supplementary line that a UK bank sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

FULL_SUPPLEMENTARY_LINE = 34
FULL_INFORMATION_LINE = 65

_SUB_FIELD = re.compile(r"\?([0-9]{2})")
_CODE_WORD = re.compile(r"/(NAME|IBAN|EREF|REMI|MARF|BIC)/([^/]*)")
_COUNTERPARTY = re.compile(r"/CNTP/([^/]*)/([^/]*)/([^/]*)")
_END_TO_END = re.compile(r"EREF\+(\S{1,35})")
_UK_TYPES = frozenset(
    (
        "BAC",
        "BBP",
        "BGC",
        "BGP",
        "BTC",
        "CAS",
        "CHG",
        "CHQ",
        "COR",
        "CPT",
        "CSH",
        "DD",
        "DEB",
        "DEP",
        "DPC",
        "DR",
        "EFT",
        "FPI",
        "FPO",
        "IBP",
        "MTU",
        "PAY",
        "SO",
        "TFR",
    )
)
_UK_NAME_COLUMNS = slice(0, 22)
_UK_TYPE_COLUMNS = slice(22, 25)


@dataclass(slots=True)
class Narrative:
    """What the free text of one entry says."""

    text: str
    payer_name: str = ""
    payer_account: str = ""
    end_to_end_reference: str = ""
    reference: str = ""
    extra: dict[str, str] = field(default_factory=dict)


def narrative(supplementary: list[str], information: list[str]) -> Narrative:
    """Reads the supplementary details of :61: and the lines of :86: of one entry."""
    text = _joined(supplementary, FULL_SUPPLEMENTARY_LINE) + _joined(information, FULL_INFORMATION_LINE)
    found = Narrative(" ".join(text.split()))
    if supplementary and len(supplementary[0]) > _UK_TYPE_COLUMNS.start:
        _read_uk_columns(found, supplementary[0], information)
    if "?2" in text:
        _read_sub_fields(found, found.text)
    elif "/" in text:
        _read_code_words(found, found.text)
    return found


def _joined(lines: list[str], width: int) -> str:
    """Lines with a space between; a line that was full ran on, so what follows it is not set apart."""
    if len(lines) == 1:
        return lines[0] if len(lines[0]) == width else lines[0] + " "
    return "".join([line if len(line) == width else line + " " for line in lines])


def _read_uk_columns(found: Narrative, supplementary: str, information: list[str]) -> None:
    kind = supplementary[_UK_TYPE_COLUMNS].strip()
    if kind not in _UK_TYPES:
        return
    found.extra["bank_type"] = kind
    found.payer_name = " ".join(supplementary[_UK_NAME_COLUMNS].split())
    started = supplementary[_UK_TYPE_COLUMNS.stop :]
    continued = information[0] if information else ""
    found.reference = (started + continued).strip()


def _read_sub_fields(found: Narrative, text: str) -> None:
    pieces = _SUB_FIELD.split(text)
    values: dict[str, str] = {}
    for code, value in zip(pieces[1::2], pieces[2::2], strict=True):
        values[code] = (values.get(code, "") + value).strip()
    found.payer_name = f"{values.get('32', '')} {values.get('33', '')}".strip()
    found.payer_account = values.get("31", "")
    if "30" in values:
        found.extra["payer_bank"] = values["30"]
    end_to_end = _END_TO_END.search(" ".join(values[code] for code in values if code.startswith("2")))
    if end_to_end:
        found.end_to_end_reference = end_to_end[1]


def _read_code_words(found: Narrative, text: str) -> None:
    counterparty = _COUNTERPARTY.search(text)
    if counterparty:
        found.payer_account, found.payer_name = counterparty[1].strip(), counterparty[3].strip()
    words = {word: value.strip() for word, value in _CODE_WORD.findall(text)}
    if not words:
        return
    found.payer_name = words.get("NAME", found.payer_name)
    found.payer_account = words.get("IBAN", found.payer_account)
    found.end_to_end_reference = words.get("EREF", "")
    if words.get("REMI"):
        found.reference = words["REMI"]
