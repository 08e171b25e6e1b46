"""Reading across the rooms: the daily proof and the totals of a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from ims.audit.actors import Actor
from ims.audit.scope import in_words, parameters, sql_within
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.common.money import ZERO
from ims.exports.models import ExportBatch, ExportProfile
from ims.funds.models import Fund, MethodOfPayment
from ims.ledger.models import Posting, Seal
from ims.ledger.selectors import TotalRow, balance_before, sealed_floor, totals_between
from ims.payments.models import PaymentService
from ims.payments.transit import in_transit
from ims.reporting.proof import (
    MOVED,
    RECEIVED,
    BalanceRow,
    CardsInTransit,
    ExportRow,
    FileRow,
    Proof,
    SealState,
    StatementRow,
    SuspenseTie,
    differences,
)
from ims.suspense.selectors import held_at

LONGEST_PERIOD_DAYS = 3_660

_RECEIPTS_OF_DAY = f"""
SELECT coalesce(sum(e.amount) FILTER (WHERE p.kind = 'receipt'), 0), count(*) FILTER (WHERE p.kind = 'receipt'),
  coalesce(sum(e.amount) FILTER (WHERE p.kind = 'import'), 0)
FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id
WHERE e.accounting_date = %(day)s AND p.kind IN ('receipt', 'import')
  AND {sql_within("e")}
"""  # noqa: S608 - built of constants
# A posting of a file is named after the file's bytes and the attempt; one of rows corrected later adds + and a number.
_FILES = """
WITH of_day AS (
  SELECT split_part(p.source_key, '+', 1) AS source_key, sum(e.amount) AS amount
  FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting_id AND p.kind = 'import'
  WHERE e.accounting_date = %(day)s GROUP BY 1
), wanted AS (
  SELECT b.id, d.amount AS on_the_day
  FROM of_day d
  JOIN imports_sourcefile s ON s.sha256 = split_part(d.source_key, '#', 1)
  JOIN imports_importbatch b ON b.file_id = s.id AND b.attempt::text = split_part(d.source_key, '#', 2)
  UNION ALL
  -- What came and is not in the ledger, and what was accepted although every row of it is held.
  SELECT b.id, 0 FROM imports_importbatch b
  WHERE b.received_at >= %(start)s AND b.received_at < %(finish)s AND b.posting_id IS NULL
    AND b.state NOT IN ('reversed', 'abandoned')
    AND NOT EXISTS (SELECT 1 FROM of_day d JOIN imports_sourcefile s ON s.sha256 = split_part(d.source_key, '#', 1)
                    WHERE s.id = b.file_id AND b.attempt::text = split_part(d.source_key, '#', 2))
)
SELECT b.id, b.file_name, f.name, b.state,
  coalesce(p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0'), ''), w.on_the_day,
  r.in_file, r.in_file_count, r.posted, r.to_suspense, r.separately, r.held, r.held_count, r.discarded,
  coalesce(p.total, 0)
FROM wanted w
JOIN imports_importbatch b ON b.id = w.id
JOIN imports_fileprofile f ON f.id = b.profile_id
LEFT JOIN ledger_posting p ON p.id = b.posting_id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(amount) FILTER (WHERE outcome <> 'ignored'), 0) AS in_file,
    count(*) FILTER (WHERE outcome <> 'ignored') AS in_file_count,
    coalesce(sum(amount) FILTER (WHERE outcome = 'to_post'), 0) AS posted,
    coalesce(sum(amount) FILTER (WHERE outcome = 'to_suspense'), 0) AS to_suspense,
    coalesce(sum(amount) FILTER (WHERE outcome = 'posted_separately'), 0) AS separately,
    coalesce(sum(amount) FILTER (WHERE outcome IN ('invalid', 'suspected_duplicate', 'corrected')), 0) AS held,
    count(*) FILTER (WHERE outcome IN ('invalid', 'suspected_duplicate', 'corrected')) AS held_count,
    coalesce(sum(amount) FILTER (WHERE outcome = 'discarded'), 0) AS discarded
  FROM imports_importrow r WHERE r.batch_id = b.id
) AS r
ORDER BY b.id
"""
# A booking that the bank itself splits into details stands beside them as a row of its own and is not counted twice;
# nor is a file that was undone and posted again.
_STATEMENTS = """
SELECT b.file_name, s.account, s.opening, s.closing, s.change, r.receipts, r.other
FROM (
  SELECT batch_id, account, (array_agg(opening ORDER BY id))[1] AS opening,
    (array_agg(closing ORDER BY id DESC))[1] AS closing, sum(closing - opening) AS change
  FROM imports_importstatement WHERE batch_id = ANY(%(batches)s::bigint[])
  GROUP BY 1, 2 HAVING bool_and(opening IS NOT NULL AND closing IS NOT NULL)
) AS s
JOIN imports_importbatch b ON b.id = s.batch_id
  AND NOT (b.state = 'reversed' AND EXISTS (
    SELECT 1 FROM imports_importbatch again WHERE again.file_id = b.file_id AND again.state = 'posted'))
CROSS JOIN LATERAL (
  SELECT coalesce(sum(amount) FILTER (WHERE outcome <> 'ignored'), 0) AS receipts,
    coalesce(sum(amount) FILTER (WHERE outcome = 'ignored' AND reason_code <> 'split'), 0) AS other
  FROM imports_importrow r WHERE r.batch_id = s.batch_id AND (r.account = s.account OR s.account = '')
) AS r
ORDER BY b.id, s.account
"""
_EXPORTED = """
SELECT count(*), coalesce(sum(e.amount), 0),
  count(x.entry_id), coalesce(sum(e.amount) FILTER (WHERE x.entry_id IS NOT NULL), 0),
  array_remove(array_agg(DISTINCT x.batch_id), NULL)
FROM ledger_entry e
JOIN funds_fund f ON f.code = e.fund_id AND f.is_exported_to_ledger
LEFT JOIN exports_exportedentry x ON x.profile_id = %(profile)s AND x.entry_id = e.id
WHERE e.accounting_date = %(day)s
"""


@dataclass(frozen=True)
class PeriodTotals:
    """What came and moved from `first` to `last`, both included, by fund and by method of payment.

    `limited_to` says whose money it is of, for somebody who sees only some.
    """

    first: date
    last: date
    funds: Sequence[BalanceRow]
    methods: Sequence[BalanceRow]
    limited_to: str = ""


def proof(actor: Actor, day: date) -> Proof:
    """The proof of the accounting day `day`, as things stand now, within the actor's scope.

    Files, journals and suspense hold everything: who sees only some gets the balances alone, and `limited_to` says so.
    Everything is read as of one moment (unless the caller has begun a transaction already), so that what is posted
    meanwhile is no difference.
    """
    with _one_moment():
        return _proof(actor, day)


@contextmanager
def _one_moment() -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _proof(actor: Actor, day: date) -> Proof:
    opening = balance_before(actor, day)
    rows = totals_between(actor, day, day)
    funds = _balances(opening, rows, "fund", _names(Fund))
    methods = _balances(opening, rows, "method_of_payment", _names(MethodOfPayment))
    whole = not actor.is_limited
    files, unposted = _files(day) if whole else ([], [])
    statements = statement_rows([row.batch for row in files])
    exports = _exports(day) if whole else []
    suspense = _suspense(actor) if whole else None
    others, others_count, imported = _receipts(actor, day)
    return Proof(
        day=day,
        made_at=clock.now(),
        funds=funds,
        methods=methods,
        files=[*files, *unposted],
        statements=statements,
        other_receipts=others,
        other_receipts_count=others_count,
        exports=exports,
        suspense=suspense,
        cards=_cards() if whole else None,
        seal=_seal() if whole else None,
        limited_to=in_words(actor),
        differences=differences(
            funds=funds,
            methods=methods,
            files=files,
            unposted=unposted,
            statements=statements,
            imported=imported if whole else ZERO,
            exports=exports,
            suspense=suspense,
            day=day,
            today=clock.today(),
        ),
    )


def period_totals(actor: Actor, first: date, last: date) -> PeriodTotals:
    """Totals of `first` to `last`, both included. Raises `InvalidInput` for days that cannot be."""
    if last < first:
        raise InvalidInput(f"The period ends on {last:%-d %b %Y}, before it starts on {first:%-d %b %Y}.")
    if (last - first).days > LONGEST_PERIOD_DAYS:
        raise InvalidInput("Totals cover ten years at most. Choose a shorter period.")
    opening = balance_before(actor, first)
    rows = totals_between(actor, first, last)
    return PeriodTotals(
        first=first,
        last=last,
        funds=_balances(opening, rows, "fund", _names(Fund)),
        methods=_balances(opening, rows, "method_of_payment", _names(MethodOfPayment)),
        limited_to=in_words(actor),
    )


def _names(model: type[Any]) -> dict[str, str]:
    return dict(model.objects.values_list("code", "name"))


def _balances(
    opening: Iterable[TotalRow], rows: Iterable[TotalRow], key: str, names: dict[str, str]
) -> list[BalanceRow]:
    """A row for each fund (or method) that had a balance or moved, by code."""
    sums: dict[str, dict[str, Any]] = {}

    def of(row: TotalRow) -> dict[str, Any]:
        start = {"opening": ZERO, "received": ZERO, "moved": ZERO, "reversed": ZERO, "vat": ZERO, "entry_count": 0}
        return sums.setdefault(getattr(row, key), start)

    for row in opening:
        of(row)["opening"] += row.amount
    for row in rows:
        column = "received" if row.kind in RECEIVED else "moved" if row.kind in MOVED else "reversed"
        total = of(row)
        total[column] += row.amount
        total["vat"] += row.vat_amount
        total["entry_count"] += row.entry_count
    return [
        BalanceRow(code=code, name=names.get(code, ""), **total)
        for code, total in sorted(sums.items())
        if total["opening"] or total["entry_count"]
    ]


def _files(day: date) -> tuple[list[FileRow], list[FileRow]]:
    """Files with receipts on `day`, and files that came that day and are not in the ledger."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    parameters = {"day": day, "start": start, "finish": start + timedelta(days=1)}
    with connection.cursor() as cursor:
        cursor.execute(_FILES, parameters)
        found = [FileRow(*row) for row in cursor.fetchall()]
    in_the_ledger = ("posted", "reversed")
    return (
        [row for row in found if row.state in in_the_ledger],
        [row for row in found if row.state not in in_the_ledger],
    )


def statement_rows(batches: Sequence[int]) -> list[StatementRow]:
    """The bank's own balances in these imports, for accounts of which every statement has both of them."""
    if not batches:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS, {"batches": list(batches)})
        return [StatementRow(*row) for row in cursor.fetchall()]


def _receipts(actor: Actor, day: date) -> tuple[Decimal, int, Decimal]:
    """Receipts of the day that came in no file: their sum and count; and the sum of what came in files."""
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS_OF_DAY, {"day": day, **parameters(actor)})
        return cursor.fetchone()


def _exports(day: date) -> list[ExportRow]:
    """The day's entries against each profile in use, and each that took some of them."""
    rows = []
    for profile in ExportProfile.objects.all():
        with connection.cursor() as cursor:
            cursor.execute(_EXPORTED, {"profile": profile.pk, "day": day})
            due_count, due, exported_count, exported, batches = cursor.fetchone()
        if not profile.is_active and not exported_count:
            continue
        named = ExportBatch.objects.filter(pk__in=batches or []).select_related("profile").defer("content")
        rows.append(
            ExportRow(
                profile=profile.name,
                due=due,
                due_count=due_count,
                exported=exported,
                exported_count=exported_count,
                batches=[str(batch) for batch in named.order_by("id")],
            )
        )
    return rows


def _suspense(actor: Actor) -> SuspenseTie:
    """The suspense fund and its items, now, over all days."""
    suspense = set(Fund.objects.filter(is_suspense=True).values_list("code", flat=True))
    every_day = totals_between(actor, date(1900, 1, 1), date(9999, 12, 31))
    return SuspenseTie(
        ledger=sum((row.amount for row in every_day if row.fund in suspense), ZERO), items=held_at(actor)
    )


def _cards() -> CardsInTransit | None:
    """Card money on its way to the bank; None for a council that takes no cards here."""
    if not PaymentService.objects.exists():
        return None
    now = in_transit()
    return CardsInTransit(not_paid_out=now.not_paid_out, not_in_bank=now.not_in_bank)


def _seal() -> SealState | None:
    last = Seal.objects.order_by("-id").first()
    if last is None:
        return None
    unsealed = Posting.objects.filter(pk__gt=sealed_floor(), sealed=None).count()
    return SealState(number=last.pk, sealed_at=last.sealed_at, hash=bytes(last.hash).hex(), unsealed_postings=unsealed)
