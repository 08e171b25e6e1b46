"""What the reason codes of Bacs reports mean and what to do about them.

The same character means different things in different reports, and ARUDD gives some reasons as four digits, so the
description in the report is believed before the code. Codes without a known meaning are said to be unknown; nothing
is guessed from them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """``code`` is the one character of the scheme's own table, blank when the reason is not known."""

    code: str
    meaning: str
    action: str


_REVERSE = "Reverse the receipt in the customer's account with this reason."
_REVERSE_AND_STOP = (
    "Reverse the receipt in the customer's account with this reason, stop collections and cancel the instruction."
)
_STOP = "Stop collections, cancel the instruction and ask the payer how they will pay."
_NEW_ACCOUNT = (
    "Change the account on the instruction to the new details. Do not send a cancellation (0C) to the old bank, "
    "and send no new instruction (0N)."
)
_FAILED = "The instruction is not in force: collect nothing by it, and ask the payer for the right details."
_DECEASED = "Handle with care: stop collections and automatic letters, and follow the bereavement procedure."
_CREDIT_BACK = "The money is back: credit it to the account it was refunded from, and ask the payee for right details."
_CLAIM = (
    "The payer has been refunded by their bank and the council will be charged on the date given. Reverse the receipts "
    "named, or challenge the claim through the bank before that date."
)
_UNKNOWN = "This reason is not in the table of the scheme. Read the description, and ask the bank if it is not clear."

_TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "ARUDD": {
        "0": ("Refer to payer", f"{_REVERSE} It may be presented once more (code 18) within a month, same amount."),
        "1": ("Instruction cancelled", _REVERSE_AND_STOP),
        "2": ("Payer deceased", f"{_REVERSE_AND_STOP} {_DECEASED}"),
        "3": ("Account transferred", f"{_REVERSE_AND_STOP} Expect new details in an ADDACS advice."),
        "4": ("Advance notice disputed", f"{_REVERSE} Check the notice that was sent, and agree the amount."),
        "5": ("No account or wrong type of account", _REVERSE_AND_STOP),
        "6": ("No instruction", _REVERSE_AND_STOP),
        "7": ("Amount differs", f"{_REVERSE} Check the amount against the notice that was sent."),
        "8": ("Amount not yet due", f"{_REVERSE} Check the date against the notice that was sent."),
        "9": ("Presentation overdue", f"{_REVERSE} Check the date against the notice that was sent."),
        "A": ("Service user differs", f"{_REVERSE} Check the service user number with the bank."),
        "B": ("Account closed", _REVERSE_AND_STOP),
    },
    "ADDACS": {
        "0": ("Instruction cancelled, refer to payer", _STOP),
        "1": ("Instruction cancelled by the payer", _STOP),
        "2": ("Payer deceased", f"{_STOP} {_DECEASED}"),
        "3": ("Account transferred to a new bank", _NEW_ACCOUNT),
        "B": ("Account closed", _STOP),
        "C": ("Account moved to another branch or bank", _NEW_ACCOUNT),
        "D": ("Advance notice disputed", "Stop the collection in dispute and agree the amount with the payer."),
        "E": ("Instruction amended", "Change the instruction to the new details."),
        "R": (
            "Instruction re-instated",
            "Make the instruction active again. Send neither a cancellation (0C) nor a new instruction (0N).",
        ),
    },
    "AUDDIS": {
        "1": ("Instruction cancelled by the payer", _FAILED),
        "2": ("Payer deceased", f"{_FAILED} {_DECEASED}"),
        "3": ("Account transferred", _FAILED),
        "5": ("No account", _FAILED),
        "6": ("No instruction", _FAILED),
        "7": ("The amount was not zero", "Correct the instruction and send it again."),
        "B": ("Account closed", _FAILED),
        "C": ("Account moved to another branch or bank", _FAILED),
        "F": ("Invalid type of account", _FAILED),
        "G": ("The bank will not accept Direct Debits on this account", _FAILED),
        "H": ("The instruction has expired", _FAILED),
        "I": ("The payer's reference is not unique", "Give the instruction another reference and send it again."),
        "K": ("Cancelled by the paying bank", _FAILED),
        "L": ("Incorrect account details", _FAILED),
        "M": ("Transaction code and user status do not go together", "Ask the bank about the service user's status."),
        "N": ("Transaction not allowed at the branch", _FAILED),
        "O": ("Invalid reference", "Correct the reference and send the instruction again."),
        "P": ("The payer's name is missing", "Add the name and send the instruction again."),
        "Q": ("The service user's name is blank", "Add the name and send the instruction again."),
    },
    "ARUCS": {
        "0": ("Invalid details", _CREDIT_BACK),
        "2": ("Beneficiary deceased", f"{_CREDIT_BACK} {_DECEASED}"),
        "3": ("Account transferred", _CREDIT_BACK),
        "5": ("No account", _CREDIT_BACK),
        "B": ("Account closed", _CREDIT_BACK),
        "C": ("Requested by the remitter", "The money is back: credit it to the account it was refunded from."),
    },
    "AWACS": {
        "0": ("Invalid details", "The credit was made all the same. Ask the payee for the right account details."),
        "3": (
            "Account transferred",
            "The credit was made all the same. Change the payee's account to the new details.",
        ),
    },
    "DDICA": {
        "1": ("Amount or date differs from the advance notice", _CLAIM),
        "2": ("No advance notice, or the amount is disputed", _CLAIM),
        "3": ("The instruction was cancelled by the paying bank", _CLAIM),
        "4": ("The payer cancelled with the service user", _CLAIM),
        "5": ("No instruction held, or the authority is disputed", _CLAIM),
        "6": ("The signature is fraudulent or not authorised", _CLAIM),
        "7": ("The claim was raised at the service user's request", _CLAIM),
        "8": ("The service user's name is disputed", _CLAIM),
    },
}

# What reports print, in capitals, where it is not the meaning above word for word.
_DESCRIPTIONS: dict[str, dict[str, str]] = {
    "ARUDD": {
        "NO ACCOUNT": "5",
        "NO ACCOUNT/WRONG TYPE": "5",
        "NO ACCOUNT (OR WRONG ACCOUNT TYPE)": "5",
        "AMOUNT NOT YET DUE": "8",
        "DECEASED": "2",
        "ORIGINATOR DIFFERS": "A",
    },
    "ARUCS": {"DECEASED": "2", "INVALID ACCOUNT DETAILS": "0", "REQUESTED BY REMITTER": "C"},
}
_FOUR_DIGIT_CODES = {"ARUDD": {"0128": "0", "1012": "1"}}


def reports() -> tuple[str, ...]:
    """The reports that have reason codes."""
    return tuple(_TABLES)


def reasons(report: str) -> tuple[Reason, ...]:
    """Every known reason of a report, in the order of its table."""
    return tuple(Reason(code, *texts) for code, texts in _TABLES.get(report, {}).items())


def reason_for(report: str, code: str, description: str = "") -> Reason:
    """The reason behind a code and a description as the report prints them; unknown ones say so."""
    table = _TABLES.get(report, {})
    printed = " ".join(description.upper().split())
    by_meaning = {meaning.upper(): key for key, (meaning, _) in table.items()}
    key = _DESCRIPTIONS.get(report, {}).get(printed) or by_meaning.get(printed)
    shown = code.strip().upper()
    if key is None:
        key = _FOUR_DIGIT_CODES.get(report, {}).get(shown, shown if len(shown) == 1 else "")
    if key in table:
        return Reason(key, *table[key])
    return Reason("", description.strip().capitalize() or f"Unknown reason “{shown}”", _UNKNOWN)
