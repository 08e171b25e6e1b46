"""Layouts: every value where and how the receiving system wants it, or a refusal that names it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ims.common.errors import InvalidInput
from ims.exports import layout
from ims.exports.errors import ExportRefusal
from ims.exports.journal import JournalLine
from ims.exports.layout import BatchFacts
from ims.exports.seed import _fixed_with_totals, _oracle_fusion, _unit4_gl07

FACTS = BatchFacts(
    batch_number=7,
    profile="Journal",
    first_date=date(2026, 11, 19),
    last_date=date(2026, 11, 19),
    built_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    line_count=2,
    record_count=4,
    debit_total=Decimal("1234.50"),
    credit_total=Decimal("1234.50"),
)


def line(**more) -> JournalLine:
    values = {
        "side": "control",
        "accounting_date": date(2026, 11, 19),
        "gl_code": "990000",
        "cost_centre": "CC1",
        "debit": Decimal("1234.50"),
        "credit": Decimal("0.00"),
        "entry_count": 3,
        "description": "Bank credit, 3 entries",
    }
    return JournalLine(**{**values, **more})


def text(config, *lines, fixed: bool = True, **options) -> list[str]:
    shape = layout.from_config(config, is_fixed_width=fixed)
    rendered = layout.render(shape, lines or [line()], FACTS, **options)
    return rendered.content.decode(options.get("encoding", "utf-8")).split(options.get("line_end", "\r\n"))


class TestFixedWidth:
    def test_header_lines_and_trailer_with_control_totals(self):
        credit = line(debit=Decimal("0.00"), credit=Decimal("1234.50"), gl_code="964023", vat_code="N0")
        header, first, second, trailer, rest = text(_fixed_with_totals(), line(), credit)
        assert header == "H000000072026111920261119IMS       "
        assert first == (
            "D00000001" + "20261119" + "990000".ljust(24) + "CC1".ljust(12) + "D" + "0000000123450" + " " * 5
        ) + "Bank credit, 3 entries".ljust(40)
        assert second[53] == "C"
        assert trailer == "T00000002000000000123450000000000123450"
        assert rest == ""

    def test_unit4_places(self):
        record = text(_unit4_gl07(), line())[0]
        assert len(record) == 822
        places = {"batch": (1, 25), "account": (103, 25), "currency": (353, 25), "side": (378, 2), "amount": (400, 20)}
        places |= {"date": (686, 8), "period": (717, 6)}
        found = {name: record[start - 1 : start - 1 + length].strip() for name, (start, length) in places.items()}
        assert found == {
            "batch": "7",
            "account": "990000",
            "currency": "GBP",
            "side": "1",
            "amount": "123450",
            "date": "20261119",
            "period": "202608",
        }

    def test_a_code_that_does_not_fit_is_refused_and_free_text_is_cut(self):
        with pytest.raises(ExportRefusal, match=r"Record 2, field “code”: “9{25}” has 25 characters"):
            text(_fixed_with_totals(), line(gl_code="9" * 25))
        assert text(_fixed_with_totals(), line(description="x" * 99))[1].endswith("x" * 40)

    def test_an_amount_that_does_not_fit_is_refused(self):
        with pytest.raises(ExportRefusal, match="amount in pence"):
            text(_fixed_with_totals(), line(debit=Decimal("999999999999.99")))

    def test_text_is_never_altered_for_spreadsheets_and_a_line_stays_a_line(self):
        record = text(_fixed_with_totals(), line(description="=1+1\r\nEVIL"))[1]
        assert record.endswith("=1+1 EVIL".ljust(40))

    def test_characters_the_encoding_lacks_are_reported(self):
        shape = layout.from_config(_fixed_with_totals(), is_fixed_width=True)
        rendered = layout.render(shape, [line(description="Zoë €5")], FACTS, encoding="ascii")
        assert b"Zo? ?5" in rendered.content
        assert rendered.notices == ["2 characters that ascii does not have were written as “?”."]

    @pytest.mark.parametrize(
        ("sign", "expected"), [("leading", "-000123450"), ("trailing", "0012345" + "0-"), ("none", "0000123450")]
    )
    def test_signs(self, sign, expected):
        config = {
            "detail": [
                {
                    "source": "amount",
                    "start": 1,
                    "length": 10,
                    "align": "right",
                    "pad": "0",
                    "scale": 2,
                    "sign": sign,
                }
            ]
        }
        credit = line(debit=Decimal("0.00"), credit=Decimal("1234.50"))
        assert text(config, credit)[0].lstrip("0") == expected.lstrip("0")
        assert len(text(config, credit)[0]) == 10

    def test_fields_that_overlap_are_refused(self):
        first, second = {"source": "fund", "start": 1, "length": 5}, {"source": "gl_code", "start": 5, "length": 5}
        with pytest.raises(InvalidInput, match="“gl_code” of the detail record starts at 5, inside the field before"):
            layout.from_config({"detail": [first, second]}, is_fixed_width=True)


class TestDelimited:
    def test_oracle_columns(self):
        cells = text(_oracle_fusion(), line(), fixed=False)[0].split(",")
        assert cells[:8] == [
            "NEW",
            "300000000000001",
            "2026/11/19",
            "Income Management",
            "Receipts",
            "GBP",
            "2026/11/20",
            "A",
        ]
        assert cells[8:10] == ["990000", "CC1"]
        assert cells[38:40] == ["1234.50", ""]
        assert cells[-1] == "7"

    def test_text_for_people_cannot_run_as_a_formula_but_amounts_stay_numbers(self):
        config = {"detail": [{"source": "description"}, {"source": "amount"}]}
        credit = line(debit=Decimal("0.00"), credit=Decimal("5.00"), description='=HYPERLINK("x")')
        assert text(config, credit, fixed=False, neutralise_formulas=True)[0] == '"\'=HYPERLINK(""x"")",-5.00'
        assert text(config, credit, fixed=False)[0] == '"=HYPERLINK(""x"")",-5.00'

    def test_the_same_lines_give_the_same_bytes(self):
        shape = layout.from_config(_oracle_fusion(), is_fixed_width=False)
        assert layout.render(shape, [line()], FACTS).content == layout.render(shape, [line()], FACTS).content


@pytest.mark.parametrize(
    ("day", "period"),
    [(date(2026, 4, 1), "202601"), (date(2026, 11, 20), "202608"), (date(2027, 3, 31), "202612")],
)
def test_periods_count_from_april(day, period):
    assert layout.fiscal_period(day) == period


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("nonsense", "described by its records"),
        ({"detail": [{"source": "fund"}], "footer": []}, "“footer” is not part of a layout"),
        ({"detail": [{"source": "fund", "colour": "red"}]}, "“colour” is not a setting"),
        ({"detail": [{"source": "fund", "format": "%Y"}]}, "only dates have a format"),
        (
            {"detail": [{"source": "fund"}], "header": [[{"source": "fund"}]]},
            "of the header record: there is no source",
        ),
    ],
)
def test_layouts_that_cannot_work_are_refused(config, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        layout.from_config(config, is_fixed_width=False)
