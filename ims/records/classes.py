"""The classes of record that hold text about people: where it stands, how long it is kept by default, and why.

A target is a query that yields each row with text in it: `key`, the `day` that counts, the `fund` and the `reference`
of the account it is about. Which columns lose their text stands in `sql/erasing.sql` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ims.payments import states as attempts
from ims.records.errors import RecordsRefusal

_OF_THE_ACCOUNT = "(h.reference = '' OR upper(h.reference) = upper(x.reference)) AND (h.fund = '' OR h.fund = x.fund)"
_OF_THE_FILE = """(h.reference = '' AND h.fund = '' OR EXISTS (
    SELECT 1 FROM imports_importbatch b JOIN imports_importrow r ON r.batch_id = b.id WHERE b.file_id = x.file
    AND (h.reference = '' OR upper(h.reference) = upper(r.account_reference)) AND (h.fund = '' OR h.fund = r.fund)))"""
_OF_THE_JOURNAL = """(h.reference = '' AND h.fund = '' OR EXISTS (
    SELECT 1 FROM exports_exportedentry o JOIN ledger_entry e ON e.id = o.entry_id WHERE o.batch_id = x.key
    AND (h.reference = '' OR upper(h.reference) = upper(e.account_reference))
    AND (h.fund = '' OR h.fund = e.fund_id)))"""
_LINE_HELD = """(h.reference = '' OR upper(h.reference) = upper(l.account_reference))
    AND (h.fund = '' OR h.fund = l.fund_id)"""
_OF_THE_BASKET = f"""(h.reference = '' AND h.fund = '' OR x.basket IS NULL OR EXISTS (
    SELECT 1 FROM payments_basketline l WHERE l.basket_id = x.basket AND {_LINE_HELD}))"""  # noqa: S608
_OF_THE_CALL = f"""(h.reference = '' AND h.fund = '' OR EXISTS (
    SELECT 1 FROM telephone_line_callline l WHERE l.payment_id = x.payment AND {_LINE_HELD}))"""  # noqa: S608
_OF_THE_MESSAGE = f"""(h.reference = '' AND h.fund = '' OR x.posting IS NULL AND x.basket IS NULL OR EXISTS (
    SELECT 1 FROM ledger_entry l WHERE l.posting_id = x.posting AND {_LINE_HELD}) OR EXISTS (
    SELECT 1 FROM payments_basketline l WHERE l.basket_id = x.basket AND {_LINE_HELD}))"""  # noqa: S608
_OF_THE_REQUEST = """(h.fund = '' OR h.fund = ANY(x.funds))
    AND (h.reference = '' OR strpos(upper(x.words), upper(h.reference)) > 0)"""
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

_UNDER_WAY = ", ".join(f"'{state}'" for state in (*attempts.UNFINISHED, attempts.State.HELD))
_FINISHED = f"""NOT EXISTS (SELECT 1 FROM payments_paymentattempt u WHERE u.basket_id = b.id
                           AND u.state IN ({_UNDER_WAY}))
           AND NOT EXISTS (SELECT 1 FROM payments_refund f JOIN payments_paymentattempt u ON u.id = f.attempt_id
                           WHERE u.basket_id = b.id AND f.state IN ('approved', 'sending', 'submitted'))"""  # noqa: S608
"""Nothing is under way with the basket b: neither a payment nor a refund."""

_TEXT_OF_BASKETS = (
    ("payments_basket", "p.id = b.id", ("payer_name", "email", "telephone", "address", "postcode")),
    ("payments_basketline", "p.basket_id = b.id", ("narrative",)),
    ("payments_paymentlink", "p.basket_id = b.id", ("email", "telephone", "message")),
    ("payments_paymentattempt", "p.basket_id = b.id", ("card_last_four",)),
)
"""Of each table: how its rows p are found from a basket b, and the columns that hold text."""


def _with_history(table: str, query: str, held: str) -> tuple[Target, Target]:
    """A table and its history. `query` names the rows by `{table}` as p, and their key by `{key}`."""
    room, _, model = table.rpartition("_")
    past = f"{room}_historical{model}"
    return (
        Target(table, query.format(table=table, key="p.id"), held),
        Target(past, query.format(table=past, key="p.history_id"), held),
    )


def _of_baskets(states: str) -> tuple[Target, ...]:
    """Everything about baskets in some states."""
    return tuple(
        target
        for table, joined, columns in _TEXT_OF_BASKETS
        for target in _with_history(
            table,
            f"""SELECT {{key}} AS key, coalesce(b.sealed_at, b.created_at)::date AS day, b.id AS basket
                FROM payments_basket b JOIN {{table}} p ON {joined}
                WHERE b.state IN ({states}) AND {_FINISHED}
                AND ({" OR ".join(f"p.{column} <> ''" for column in columns)})""",  # noqa: S608
            _OF_THE_BASKET,
        )
    )


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
        "payers",
        "Payers of card payments",
        "Names, addresses, e-mail addresses and telephone numbers of payers, messages of payment links, last digits of "
        "cards, narratives of what was paid for, notes on disputes, and the history of all of it.",
        "The payment: its references, lines, amounts, dates, states, card brand and receipt.",
        24,
        False,
        "UK GDPR article 5(1)(c) and (e): refunds, disputes (up to 18 months by the card schemes' rules) and questions "
        "are over by then. The receipt itself is kept as “Text of receipts” says.",
        (
            *_of_baskets("'paid'"),
            *_with_history(
                "payments_paymentattempt",
                f"""SELECT {{key}} AS key, coalesce(a.paid_at, a.asked_at)::date AS day, NULL::bigint AS basket
                   FROM payments_paymentattempt a JOIN {{table}} p ON p.id = a.id
                   WHERE a.basket_id IS NULL AND a.state NOT IN ({_UNDER_WAY})
                   AND p.card_last_four <> ''""",  # noqa: S608
                _OF_THE_BASKET,
            ),
            *_with_history(
                "payments_dispute",
                """SELECT {key} AS key, d.heard_at::date AS day, a.basket_id AS basket
                   FROM payments_dispute d LEFT JOIN payments_paymentattempt a ON a.id = d.attempt_id
                   JOIN {table} p ON p.id = d.id WHERE d.state IN ('won', 'lost') AND p.note <> ''""",
                _OF_THE_BASKET,
            ),
        ),
    ),
    RecordClass(
        "unpaid_baskets",
        "People who began to pay",
        "The same text of baskets and payment links that expired or were cancelled without being paid.",
        "What was to be paid, when, and that it was not.",
        3,
        False,
        _NO_LONGER_NEEDED,
        _of_baskets("'expired', 'cancelled'"),
    ),
    RecordClass(
        "messages",
        "Messages to payers",
        "Whom the council wrote to and what: receipts, news of refunds, payment links; why one did not arrive.",
        "That a message was sent about which receipt, when, by which carrier, and what became of it.",
        24,
        False,
        _NO_LONGER_NEEDED,
        _with_history(
            "correspondence_message",
            """SELECT {key} AS key, coalesce(m.finished_at, m.sent_at, m.created_at)::date AS day,
                      m.posting_id AS posting, k.basket_id AS basket
               FROM correspondence_message m JOIN {table} p ON p.id = m.id
               LEFT JOIN payments_paymentlink k ON m.purpose = 'link' AND k.id::text = split_part(m.key, ':', 2)
               WHERE m.state NOT IN ('waiting', 'sending')
               AND (p."to" <> '' OR p.subject <> '' OR p.body <> '' OR p.failure <> '')""",
            _OF_THE_MESSAGE,
        ),
    ),
    RecordClass(
        "telephone_calls",
        "Payments by the telephone line",
        "The last digits of cards.",
        "The call: its reference, lines, amounts, dates, state, card brand and receipt.",
        24,
        False,
        _NO_LONGER_NEEDED,
        _with_history(
            "telephone_line_callpayment",
            """SELECT {key} AS key, coalesce(c.taken_at, c.announced_at)::date AS day, c.id AS payment
               FROM telephone_line_callpayment c JOIN {table} p ON p.id = c.id
               WHERE c.state <> 'announced' AND p.card_last_four <> ''""",
            _OF_THE_CALL,
        ),
    ),
    RecordClass(
        "api_payments",
        "Payments that other systems asked for",
        "The other system's own name of a payment, where its payer went back to, and what it was told.",
        "Which system asked for which payment, when, and that it was told.",
        24,
        False,
        _NO_LONGER_NEEDED,
        (
            Target(
                "api_clientpayment",
                """SELECT c.id AS key, c.made_at::date AS day, c.basket_id AS basket
                   FROM api_clientpayment c JOIN payments_basket b ON b.id = c.basket_id
                   WHERE b.state NOT IN ('open', 'paying') AND (c.return_url <> '' OR c.client_reference <> '')""",
                _OF_THE_BASKET,
            ),
            Target(
                "api_notification",
                """SELECT n.id AS key, n.made_at::date AS day, c.basket_id AS basket
                   FROM api_notification n LEFT JOIN api_clientpayment c ON c.id::text = n.body ->> 'payment'
                   WHERE n.state <> 'waiting' AND n.body <> '{}'""",
                _OF_THE_BASKET,
            ),
        ),
    ),
    RecordClass(
        "requests",
        "Requests for approval",
        "What was asked for in detail and the plan that was shown: lines with narratives, values before and after.",
        "Who asked for what and why, who decided, when, within which limit, and what came of it.",
        72,
        True,
        _ACCOUNTING,
        _with_history(
            "approvals_request",
            """SELECT {key} AS key, r.decided_at::date AS day, r.funds AS funds,
                      r.payload::text || r.plan::text || r.summary AS words
               FROM approvals_request r JOIN {table} p ON p.id = r.id
               WHERE r.state <> 'waiting' AND (p.payload <> '{{}}' OR p.plan <> '{{}}' OR p.stamp <> '{{}}')""",
            _OF_THE_REQUEST,
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
                   AND (r.name <> '' OR r."references" <> '' OR r.postcode <> '' OR r.email <> ''
                        OR r.telephone <> '')""",
                _OF_ANY,
            ),
            Target(
                "records_historicalsubjectrequest",
                """SELECT p.history_id AS key, r.answered_at::date AS day FROM records_historicalsubjectrequest p
                   JOIN records_subjectrequest r ON r.id = p.id
                   WHERE r.state = 'answered'
                   AND (p.name <> '' OR p."references" <> '' OR p.postcode <> '' OR p.email <> ''
                        OR p.telephone <> '')""",
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
