"""Finding receipts, and one receipt with its whole story."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from ims.accounts.selectors import holder_of
from ims.audit import personal
from ims.audit.scope import in_words
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput, NotFound
from ims.common.money import ZERO
from ims.console import receipt_files
from ims.console.paging import neighbours, query_without
from ims.console.patience import no_longer_than
from ims.console.receipt_search import Reading, ReceiptFilters, read_box, words_of
from ims.console.receipt_story import import_address, import_batch, story
from ims.console.views.base import screen
from ims.correspondence.selectors import messages_about
from ims.ledger import selectors
from ims.ledger.models import Entry, NumberSeries
from ims.ledger.selectors import Criteria

PAGE_SIZE = 50
COUNT_NO_FURTHER = 1_000
SECONDS = 8
VIEW = "ledger.view_entry"


@screen(permission=VIEW, what="see receipts")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The search, its answer a page at a time."""
    reading, filters = _asked(request)
    context = {
        "title": "Receipts",
        "q": request.GET.get("q", ""),
        "filters": filters,
        "kept": [(name, request.GET[name]) for name in filters.fields if request.GET.get(name)],
        "may_transfer": request.actor.may("ledger.post_transfer"),
    }
    if not filters.is_valid():
        return render(request, "console/receipts/search.html", context)
    with no_longer_than(SECONDS):
        answer = _find(request, reading, filters)
    entries = answer.page.entries
    if answer.reading.is_receipt_number and answer.reading.criteria.line and len(entries) == 1:
        return redirect("receipts:receipt", entries[0].pk)
    context |= {
        "page": neighbours(request.GET, newer=answer.page.newer, older=answer.page.older),
        "entries": entries,
        "reading": answer.reading,
        "chips": [(label, value, query_without(request.GET, name)) for name, label, value in filters.shown()],
        "count": min(answer.count, COUNT_NO_FURTHER),
        "is_capped": answer.count > COUNT_NO_FURTHER,
        "total": answer.total,
        "query": query_without(request.GET),
    }
    return render(request, "console/receipts/search.html", context)


def _asked(request: HttpRequest) -> tuple[Reading, ReceiptFilters]:
    series = frozenset(NumberSeries.objects.values_list("prefix", flat=True))
    filters = ReceiptFilters(request.GET, actor=request.actor)
    return read_box(request.GET.get("q", ""), series=series), filters


@dataclass(frozen=True)
class Answer:
    """A page of receipts; how many there are, counted to just beyond the cap, and their total if all were counted."""

    reading: Reading
    page: selectors.Page
    count: int
    total: Decimal | None


def _find(request: HttpRequest, reading: Reading, filters: ReceiptFilters) -> Answer:
    """The page asked for. A reference nobody has is looked for once more as a word: banks write them in narratives."""
    criteria = filters.narrowed(reading.criteria)
    found = _some(request, criteria)
    if not found and reading.criteria.account_prefix and personal.may_reveal(request.actor, Entry):
        as_words = words_of(reading.criteria.account_reference)
        narrowed = filters.narrowed(as_words.criteria)
        if others := _some(request, narrowed):
            reading, criteria, found = as_words, narrowed, others
    if len(found) <= PAGE_SIZE:
        page = selectors.Page(entries=personal.veil(request.actor, _in_order(found)))
    else:
        page = selectors.search_entries(request.actor, criteria, cursor=request.GET.get("cursor", ""), size=PAGE_SIZE)
    total = _total(found) if len(found) <= COUNT_NO_FURTHER else None
    return Answer(reading, page, len(found), total)


def _some(request: HttpRequest, criteria: Criteria) -> list[int]:
    """Primary keys of receipts that meet `criteria`, in no order, no more than one beyond the cap.

    Without an order the database takes the shortest way to a few; with one it might walk the whole ledger for them.
    """
    entries = selectors.entries_matching(request.actor, criteria).order_by()
    return list(entries.values_list("pk", flat=True)[: COUNT_NO_FURTHER + 1])


def _in_order(keys: list[int]) -> list[Entry]:
    related = Entry.objects.select_related("posting", "fund", "method_of_payment")
    return list(related.filter(pk__in=keys).order_by("-received_on", "-id"))


def _total(keys: list[int]) -> Decimal:
    return Entry.objects.filter(pk__in=keys).aggregate(total=Sum("amount", default=ZERO))["total"]


@screen(permission=VIEW, what="see receipts")
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The whole result of a search as a file. Who took what away is kept in the audit trail."""
    reading, filters = _asked(request)
    if not filters.is_valid():
        raise InvalidInput("The filters cannot be read. Correct them on the search page, then export again.")
    with no_longer_than(SECONDS):
        reading = _find(request, reading, filters).reading
    criteria = filters.narrowed(reading.criteria)
    entries = selectors.entries_matching(request.actor, criteria)
    kind = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    if kind == "xlsx":
        _refuse_too_many(entries)
    asked = {"format": kind, "search": query_without(request.GET)}
    shown = {"personal_data": personal.reveals(request.actor, Entry), "limited_to": in_words(request.actor)}
    record("receipts_exported", actor=request.actor, data={**asked, **shown})
    rows = personal.veiling(request.actor, entries.iterator(2_000))
    name = f"receipts-{clock.now():%Y-%m-%d-%H%M}.{kind}"
    if kind == "xlsx":
        return FileResponse(receipt_files.workbook(rows), as_attachment=True, filename=name)
    lines = receipt_files.csv_lines(rows)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _refuse_too_many(entries: object) -> None:
    limit = receipt_files.LARGEST_WORKBOOK
    if entries.order_by()[: limit + 1].count() > limit:
        raise InvalidInput(
            f"These are more than {limit:,} receipts, too many for one workbook. "
            "Export them as CSV, or narrow the search."
        )


@screen(permission=VIEW, what="see receipts")
@require_safe
def receipt(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One receipt: what it is, where it came from and what became of it."""
    entry = find_entry(request, entry_id)
    chain = selectors.entry_chain(request.actor, entry)
    context = {
        "title": f"Receipt {entry.receipt_number}",
        "entry": entry,
        "chain": chain,
        "holder": holder_of(request.actor, entry.fund_id, entry.account_reference),
        "moved": entry.amount - chain.remaining,
        "moved_note": "The rest was moved or reversed." if chain.remaining else "All of it was moved or reversed.",
        "period": selectors.period_of(entry.accounting_date),
        "batch": import_batch(entry.posting) if request.actor.may("imports.view_importbatch") else None,
        "batch_url": import_address(entry.posting),
        "events": story(request.actor, chain),
        "sent": messages_about(request.actor, entry.posting),
        "acts": _acts(request, chain),
    }
    return render(request, "console/receipts/receipt.html", context)


def _acts(request: HttpRequest, chain: selectors.Chain) -> dict[str, bool]:
    """What this person may do with this receipt just now."""
    entry, actor = chain.entry, request.actor
    in_suspense = entry.fund.is_suspense
    is_live = chain.remaining > 0
    return {
        "journal": is_live and not in_suspense and entry.corrects_id is None and actor.may("ledger.post_journal"),
        "allocate": is_live and in_suspense and entry.corrects_id is None and actor.may("suspense.allocate"),
        "reverse": entry.posting.kind not in ("import", "reversal")
        and chain.reversal is None
        and actor.may("ledger.reverse_posting"),
    }


@screen(permission=VIEW, what="see receipts")
@require_safe
def printed(request: HttpRequest, entry_id: int) -> HttpResponse:
    """The receipt as the payer takes it away."""
    entry = find_entry(request, entry_id)
    chain = selectors.entry_chain(request.actor, entry)
    context = {
        "title": f"Receipt {entry.receipt_number}",
        "entry": entry,
        "chain": chain,
        "net": entry.amount - entry.vat_amount,
        "percent": f"{entry.vat_rate * 100:.2f}".rstrip("0").rstrip("."),
    }
    return render(request, "console/receipts/printed.html", context)


def find_entry(request: HttpRequest, entry_id: int) -> Entry:
    """The entry. Raises `NotFound` when there is none the person may see."""
    entry = selectors.entry_for(request.actor, entry_id)
    if entry is None:
        raise NotFound("There is no such receipt, or it is not one of yours to see.")
    return entry
