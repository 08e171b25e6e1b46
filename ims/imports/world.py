"""What a check relies on, as a stamp: when the stamp differs, the check no longer holds."""

from __future__ import annotations

from django.db import connection

_PARTS = {
    # table of history → what an officer calls it
    "funds_historicalfund": "funds",
    "funds_historicalmethodofpayment": "methods of payment",
    "funds_historicaloffice": "offices",
    "funds_historicalvatcode": "VAT codes",
    "funds_historicalvatrate": "VAT rates",
    "funds_historicalreferencerule": "reference rules",
    "funds_historicalcheckdigitscheme": "check digit schemes",
    "accounts_historicalaccountholder": "account holders",
    "accounts_historicalstopreason": "stop reasons",
    "imports_historicalroutingrule": "routing rules",
    "imports_historicalfileprofile": "file profiles",
}


def stamp() -> dict[str, int]:
    """The number of the latest change to everything that decides about a row."""
    query = " UNION ALL ".join(
        f"SELECT '{table}', coalesce(max(history_id), 0) FROM {table}"  # noqa: S608 - names from the list above
        for table in _PARTS
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return dict(cursor.fetchall())


def what_moved(then: dict[str, int]) -> list[str]:
    """What has changed since the stamp `then`, in words."""
    now = stamp()
    return [words for table, words in _PARTS.items() if now[table] != then.get(table)]
