"""The classes of record that hold text about people: where it stands, how long it is kept by default, and why.

A target is a query that yields each row with text in it: `key`, the `day` that counts, the `fund` and the `reference`
of the account it is about. Which columns lose their text stands in `sql/erasing.sql` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ims.records.errors import RecordsRefusal

_OF_THE_ACCOUNT = "(h.reference = '' OR upper(h.reference) = upper(x.reference)) AND (h.fund = '' OR h.fund = x.fund)"
_OF_THE_FILE = """(h.reference = '' AND h.fund = '' OR EXISTS (
    SELECT 1 FROM imports_importbatch b JOIN imports_importrow r ON r.batch_id = b.id WHERE b.file_id = x.file
    AND (h.reference = '' OR upper(h.reference) = upper(r.account_reference)) AND (h.fund = '' OR h.fund = r.fund)))"""
_OF_THE_JOURNAL = """(h.reference = '' AND h.fund = '' OR EXISTS (
    SELECT 1 FROM exports_exportedentry o JOIN ledger_entry e ON e.id = o.entry_id WHERE o.batch_id = x.key
    AND (h.reference = '' OR upper(h.reference) = upper(e.account_reference))
    AND (h.fund = '' OR h.fund = e.fund_id)))"""
_OF_ANY = "true"
"""A file of all accounts: any hold keeps it."""

_ACCOUNTING = (
    "Six years after the financial year: VAT Act 1994, schedule 11, paragraph 6; Limitation Act 1980, section 5; "
    "Accounts and Audit Regulations 2015. The figures stay; by UK GDPR article 5(1)(e) text about people does not."
)
_NO_LONGER_NEEDED = "UK GDPR article 5(1)(c) and (e): no longer than the purpose needs. The council's own decision."


@dataclass(frozen=True)
class Target:
    """Rows of one table. `held` says, of a row x and a hold h, whether h keeps x."""

    table: str
    query: str
    held: str = _OF_THE_ACCOUNT


@dataclass(frozen=True)
class RecordClass:
    """One class of record. `stays` says what of it is left."""

    code: str
    title: str
    what: str
    stays: str
    months: int
    from_year_end: bool
    basis: str
    targets: tuple[Target, ...]


_CLOSED_ON = """coalesce((SELECT max(h.history_date)::date FROM accounts_historicalaccountholder h WHERE h.id = a.id),
                         a.balance_on, 'infinity'::date)"""

CLASSES: tuple[RecordClass, ...] = (
    RecordClass(
        "ledger_text",
        "Text of receipts",
        "Payers' names and narratives of ledger entries.",
        "The entry: amount, dates, fund, account reference, the bank's reference, its hash and its seal.",
        72,
        True,
        _ACCOUNTING,
        (
            Target(
                "ledger_entry",
                """SELECT e.id AS key, e.accounting_date AS day, e.fund_id AS fund, e.account_reference AS reference
                   FROM ledger_entry e WHERE e.narrative <> '' OR e.payer_name <> ''""",
            ),
        ),
    ),
    RecordClass(
        "imported_rows",
        "Text of imported rows",
        "Payers' names, narratives and the raw line of each row of a file; what people changed on rows.",
        "Line, amount, date, fund, account reference, outcome and reason.",
        72,
        True,
        _ACCOUNTING,
        (
            Target(
                "imports_importrow",
                """SELECT r.id AS key, coalesce(r.received_on, b.received_at::date) AS day, r.fund AS fund,
                          r.account_reference AS reference
                   FROM imports_importrow r JOIN imports_importbatch b ON b.id = r.batch_id
                   WHERE (r.narrative <> '' OR r.payer_name <> '' OR r.raw <> '' OR r.end_to_end <> '')
                     AND r.outcome NOT IN ('invalid', 'suspected_duplicate', 'corrected')""",
            ),
            Target(
                "imports_rowdecision",
                """SELECT d.id AS key, d.decided_at::date AS day, r.fund AS fund, r.account_reference AS reference
                   FROM imports_rowdecision d JOIN imports_importrow r ON r.id = d.row_id
                   WHERE (d.before <> '{}' OR d.after <> '{}')
                     AND r.outcome NOT IN ('invalid', 'suspected_duplicate', 'corrected')""",
            ),
        ),
    ),
    RecordClass(
        "received_files",
        "Files of receipts",
        "The bytes of files from banks and agents.",
        "The file's name, length, SHA-256, who brought it in and when.",
        72,
        True,
        _ACCOUNTING,
        (
            Target(
                "imports_filecontent",
                """SELECT c.id AS key, f.received_at::date AS day, f.id AS file
                   FROM imports_filecontent c JOIN imports_sourcefile f ON f.id = c.file_id
                   WHERE octet_length(c.compressed) > 0
                     AND NOT EXISTS (SELECT 1 FROM imports_importbatch b WHERE b.file_id = f.id
                                     AND b.state NOT IN ('posted', 'reversed', 'abandoned', 'refused'))""",
                _OF_THE_FILE,
            ),
        ),
    ),
    RecordClass(
        "journals",
        "Files of journals",
        "The bytes of journals sent to the general ledger, which may hold narratives.",
        "Each journal's lines without narrative, totals and SHA-256.",
        72,
        True,
        _ACCOUNTING,
        (
            Target(
                "exports_exportbatch",
                "SELECT b.id AS key, b.last_date AS day FROM exports_exportbatch b WHERE octet_length(b.content) > 0",
                _OF_THE_JOURNAL,
            ),
        ),
    ),
    RecordClass(
        "closed_accounts",
        "Holders of closed accounts",
        "Names and addresses of accounts that are gone from their back-office system, and their history.",
        "The account reference, its fund and its receipts.",
        24,
        False,
        _NO_LONGER_NEEDED,
        (
            Target(
                "accounts_accountholder",
                f"""SELECT a.id AS key, {_CLOSED_ON} AS day, a.fund_id AS fund, a.reference AS reference
                    FROM accounts_accountholder a WHERE NOT a.is_open
                    AND (a.name <> '' OR a.surname <> '' OR a.address <> '' OR a.postcode <> '')""",  # noqa: S608
            ),
            Target(
                "accounts_historicalaccountholder",
                f"""SELECT p.history_id AS key, {_CLOSED_ON} AS day, a.fund_id AS fund, a.reference AS reference
                    FROM accounts_historicalaccountholder p JOIN accounts_accountholder a ON a.id = p.id
                    WHERE NOT a.is_open
                    AND (p.name <> '' OR p.surname <> '' OR p.address <> '' OR p.postcode <> '')""",  # noqa: S608
            ),
        ),
    ),
    RecordClass(
        "account_files",
        "Files of account holders",
        "The bytes of files that account holders were loaded from.",
        "The file's name, SHA-256, counts, who loaded it and when.",
        6,
        False,
        _NO_LONGER_NEEDED,
        (
            Target(
                "accounts_accountload",
                """SELECT l.id AS key, coalesce(l.loaded_at, l.received_at)::date AS day FROM accounts_accountload l
                   WHERE octet_length(l.content) > 0 AND l.state IN ('loaded', 'refused', 'discarded')""",
                _OF_ANY,
            ),
        ),
    ),
    RecordClass(
        "suspense_notes",
        "Notes on suspense",
        "What people wrote about receipts they were identifying, once the item is closed.",
        "The item, its dates and amounts, and who wrote a note when.",
        24,
        False,
        _NO_LONGER_NEEDED,
        (
            Target(
                "suspense_suspensenote",
                """SELECT n.id AS key, i.closed_at::date AS day, e.fund_id AS fund, e.account_reference AS reference
                   FROM suspense_suspensenote n JOIN suspense_suspenseitem i ON i.id = n.item_id
                   JOIN ledger_entry e ON e.id = i.entry_id WHERE i.closed_at IS NOT NULL AND n.text <> ''""",
            ),
            Target(
                "suspense_suspenseitem",
                """SELECT i.id AS key, i.closed_at::date AS day, e.fund_id AS fund, e.account_reference AS reference
                   FROM suspense_suspenseitem i JOIN ledger_entry e ON e.id = i.entry_id
                   WHERE i.closed_at IS NOT NULL AND i.payer_key <> ''""",
            ),
            Target(
                "suspense_historicalsuspenseitem",
                """SELECT p.history_id AS key, i.closed_at::date AS day, e.fund_id AS fund,
                          e.account_reference AS reference
                   FROM suspense_historicalsuspenseitem p JOIN suspense_suspenseitem i ON i.id = p.id
                   JOIN ledger_entry e ON e.id = i.entry_id WHERE i.closed_at IS NOT NULL AND p.payer_key <> ''""",
            ),
        ),
    ),
    RecordClass(
        "subject_requests",
        "Subject access requests",
        "What people said of themselves when they asked what is held about them.",
        "The council's number of the request, its dates, who reviewed it, and the SHA-256 of the answer.",
        12,
        False,
        _NO_LONGER_NEEDED,
        (
            Target(
                "records_subjectrequest",
                """SELECT r.id AS key, r.answered_at::date AS day FROM records_subjectrequest r
                   WHERE r.state = 'answered'
                   AND (r.name <> '' OR r."references" <> '' OR r.postcode <> '' OR r.email <> '')""",
                _OF_ANY,
            ),
            Target(
                "records_historicalsubjectrequest",
                """SELECT p.history_id AS key, r.answered_at::date AS day FROM records_historicalsubjectrequest p
                   JOIN records_subjectrequest r ON r.id = p.id
                   WHERE r.state = 'answered'
                   AND (p.name <> '' OR p."references" <> '' OR p.postcode <> '' OR p.email <> '')""",
                _OF_ANY,
            ),
        ),
    ),
)
_BY_CODE = {each.code: each for each in CLASSES}


def find(code: str) -> RecordClass:
    """The class called `code`. Raises `RecordsRefusal`."""
    if code not in _BY_CODE:
        raise RecordsRefusal(f"There is no class of record called “{code}”.")
    return _BY_CODE[code]


def title_of(code: str) -> str:
    """What people call the class `code`."""
    return _BY_CODE[code].title if code in _BY_CODE else code
