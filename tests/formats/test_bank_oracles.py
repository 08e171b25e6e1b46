"""Agreement with independent public libraries on the sample files: the same movements, amount by amount.

The libraries (mt-940, bankstatementparser, bai2, ofxparse, bankline-direct-parser) are development dependencies only;
what is not installed is skipped. `DISAGREEMENTS` explains every difference; an entry no longer true fails the test.
"""

from __future__ import annotations

import io
import shutil
from collections import Counter
from decimal import Decimal

import pytest

from ims.formats import registry
from ims.formats.records import Entry
from ims.formats.summary import is_movement
from tests.formats.samples import facts

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own, about their own dependencies

REFUSES_DATES = "the library refuses a date that does not exist; we move it or report it and keep the money"
NOT_UTF8 = "the library refuses text that is not UTF-8"
INVESTMENT = "the library reports the cash lines of an investment statement, which is no bank account; we leave it out"
DISAGREEMENTS: dict[tuple[str, str], str] = {
    ("bankstatementparser", "railslove-mt940-headers.txt"): REFUSES_DATES,
    ("bankstatementparser", "railslove-mt940-iso8859-1.txt"): NOT_UTF8,
    ("bankstatementparser", "wolph-february_30.sta"): REFUSES_DATES,
    ("bankstatementparser", "wolph-raiffeisen-cmi.sta"): NOT_UTF8,
    ("bankstatementparser", "jseutter-investment_medium.ofx"): INVESTMENT,
    ("mt-940", "railslove-mt940-headers.txt"): REFUSES_DATES,
    ("mt-940", "railslove-mt940-iso8859-1.txt"): REFUSES_DATES,
    (
        "mt-940",
        "sandermarechal-sparkasse3.txt",
    ): "the library takes RC, a reversed credit, for money in; it is money out",
    ("mt-940", "wolph-mt940.txt"): "the library's pattern for :61: does not allow this bank's type and reference",
    (
        "bai2",
        "moov-io-sample4-continuations-newline-delimited.txt",
    ): "the library refuses the whole file because record "
    "counts disagree; we read it and report each count that disagrees",
    ("ofxparse", "jseutter-investment_medium.ofx"): INVESTMENT,
    ("ofxparse", "jseutter-ofx-v102-empty-tags.ofx"): "the library fails on empty tags",
    (
        "bankline-direct-parser",
        "bankline-testfile_nwb.txt",
    ): "the library counts the day totals 44 and 54 as a debit and "
    "a credit; we give them as day totals, which are no income",
}


def ours(path) -> Counter[Decimal]:
    with path.open("rb") as stream:
        return Counter(
            record.amount
            for record in registry.read(stream)
            if isinstance(record, Entry) and record.amount and is_movement(record)
        )


def bag(amounts) -> Counter[Decimal]:
    return Counter(amount for amount in (Decimal(str(amount)) for amount in amounts) if amount)


def read_by_bankstatementparser(path, folder, tmp_path):
    library = pytest.importorskip("bankstatementparser")
    suffix = {"camt052": "xml", "camt053": "xml", "camt054": "xml"}.get(path.parent.name, path.parent.name)
    copy = tmp_path / f"statement.{suffix}"
    shutil.copyfile(path, copy)
    frame = library.create_parser(str(copy)).parse()
    column = "Amount" if "Amount" in frame.columns else "amount"
    return bag(frame[column]) if len(frame) else Counter()


def read_by_mt940(path, folder, tmp_path):
    library = pytest.importorskip("mt940")
    data = path.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    statements = library.parse_statements(text)
    return bag(item.data["amount"].amount for statement in statements for item in statement.transactions)


def read_by_bai2(path, folder, tmp_path):
    library = pytest.importorskip("bai2.bai2")
    parsed = library.parse_from_string(path.read_text())
    details = [item for group in parsed.children for account in group.children for item in account.children]
    return bag(
        Decimal(item.amount).scaleb(-2) * (1 if item.type_code.transaction.value == "credit" else -1)
        for item in details
    )


def read_by_ofxparse(path, folder, tmp_path):
    library = pytest.importorskip("ofxparse")
    with path.open("rb") as stream:
        parsed = library.OfxParser.parse(stream)
    return bag(item.amount for account in parsed.accounts for item in getattr(account.statement, "transactions", ()))


def read_by_bankline(path, folder, tmp_path):
    library = pytest.importorskip("bankline_parser.data_services")
    with path.open() as stream:
        parsed = library.parse(io.StringIO(stream.read()))
    return bag(
        Decimal(item.amount).scaleb(-2) * (-1 if item.is_debit() else 1)
        for account in parsed.accounts
        for item in account.records
        if hasattr(item, "amount")
    )


LIBRARIES = {
    "bankstatementparser": (
        read_by_bankstatementparser,
        ("mt940", "mt942", "camt052", "camt053", "camt054", "bai2", "ofx"),
    ),
    "mt-940": (read_by_mt940, ("mt940", "mt942")),
    "bai2": (read_by_bai2, ("bai2",)),
    "ofxparse": (read_by_ofxparse, ("ofx",)),
    "bankline-direct-parser": (read_by_bankline, ("bank-data-services",)),
}
CASES = [
    pytest.param(library, *parameters.values, marks=parameters.marks, id=f"{library}-{parameters.id}")
    for library, (_, folders) in LIBRARIES.items()
    for parameters in facts(*folders)
]


@pytest.mark.parametrize(("library", "path", "expected"), CASES)
def test_the_libraries_find_the_same_money(library, path, expected, tmp_path):
    read = LIBRARIES[library][0]
    why = DISAGREEMENTS.get((library, path.name))
    try:
        theirs = read(path, path.parent.name, tmp_path)
    except Exception as error:
        if not why:
            pytest.fail(f"{library} fails: {error!r}")
        return
    assert (theirs == ours(path)) == (why is None), why or f"{library} {theirs - ours(path)} ours {ours(path) - theirs}"
