"""The parts screens are built from."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django import forms
from django.forms import ValidationError
from django.template import Context, Template

from ims.console.charts import Bar, columns_chart, rows_chart
from ims.console.fields import DateField, MoneyField, read_date
from ims.console.states import colour_of
from tests.console.markup import forbidden, text_of


def rendered(source: str, **context: object) -> str:
    return Template("{% load components %}" + source).render(Context(context))


class TestMoney:
    @pytest.mark.parametrize(
        ("amount", "shown"),
        [("1234.5", "£1,234.50"), ("0", "£0.00"), ("-1234567.89", "−£1,234,567.89")],
    )
    def test_is_shown_with_pence_commas_and_a_true_minus(self, amount: str, shown: str):
        assert text_of(rendered("{% money amount %}", amount=Decimal(amount))) == shown

    def test_nothing_is_nothing(self):
        assert rendered("{% money amount %}", amount=None) == ""

    @pytest.mark.parametrize("typed", ["12.345", "1.2.3", "twelve", "1,23", "NaN", "1e9", "--5", "99999999999"])
    def test_what_is_not_an_amount_is_never_guessed(self, typed: str):
        with pytest.raises(ValidationError):
            MoneyField().clean(typed)

    def test_nought_is_an_amount(self):
        assert MoneyField().clean("0.00") == Decimal("0.00")


class TestDates:
    @pytest.mark.parametrize(
        "typed",
        [
            "20 Nov 2026",
            "20 november 2026",
            "20/11/2026",
            "20/11/26",
            "2026-11-20",
            "20.11.2026",
            "20-11-2026",
            "20112026",
        ],
    )
    def test_every_way_of_writing_one(self, typed: str):
        assert read_date(typed) == date(2026, 11, 20)

    def test_days_counted_from_today(self):
        assert read_date("today") - read_date("yesterday") == timedelta(days=1)
        assert read_date("3 days ago") == read_date("today") - timedelta(days=3)

    def test_the_day_comes_first(self):
        assert read_date("03/04/2026") == date(2026, 4, 3)

    @pytest.mark.parametrize("typed", ["31/02/2026", "soon", "13/13/2026", "1/1/0001", "20"])
    def test_anything_else_is_refused_in_words(self, typed: str):
        with pytest.raises(ValidationError, match="is not a date"):
            DateField().clean(typed)


class Sample(forms.Form):
    name = forms.CharField(help_text="Any name.")
    amount = MoneyField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agree = forms.BooleanField()
    key = forms.CharField(widget=forms.HiddenInput)


class TestForms:
    def test_label_hint_and_error_belong_to_the_field(self):
        page = rendered("{% error_summary form %}{% fields form %}", form=Sample({"amount": "x", "key": "k"}))
        assert 'aria-describedby="id_name_hint id_name_error"' in page
        assert 'href="#id_amount"' in page
        assert 'aria-invalid="true"' in page
        assert page.count("govuk-error-message") >= 4
        assert forbidden(page) == []

    def test_what_was_typed_is_escaped(self):
        page = rendered("{% fields form %}", form=Sample({"name": '"><script>alert(1)</script>'}))
        assert "<script>" not in page

    def test_values_are_carried_as_hidden_inputs(self):
        page = rendered("{% carried form %}", form=Sample({"name": "Ada", "amount": "5.00", "kind": "a", "key": "k"}))
        assert 'type="hidden" name="name" value="Ada"' in page
        assert 'value="5.00"' in page


class TestBlocks:
    def test_labels_and_titles_are_escaped(self):
        for source in (
            "{% scroller label %}x{% endscroller %}",
            "{% panel label %}x{% endpanel %}",
            "{% banner label %}x{% endbanner %}",
            "{% empty_state label %}x{% endempty_state %}",
            "{% event label %}x{% endevent %}",
            "{% summary_list %}{% row label %}x{% endrow %}{% endsummary_list %}",
            "{% state label label %}",
            "{% figure label label %}",
            "{% submit label %}",
            "{% link_button label label %}",
            "{% crumb label %}",
        ):
            assert "<b>" not in rendered(source, label="<b>'\""), source

    def test_what_stands_inside_is_escaped_once(self):
        page = rendered("{% panel 'P' %}{{ words }}{% endpanel %}", words="<i> & co")
        assert "&lt;i&gt; &amp; co" in page
        assert "&amp;amp;" not in page

    def test_empty_rows_vanish(self):
        page = rendered(
            "{% summary_list %}{% row 'A' %}{{ x }}{% endrow %}{% row 'B' %}b{% endrow %}{% endsummary_list %}"
        )
        assert "A" not in text_of(page)

    def test_states_have_colours(self):
        assert colour_of("posted") == "green"
        assert colour_of("never heard of") == "grey"

    def test_progress_without_a_total_shows_no_share(self):
        page = rendered("{% progress 5 0 'Five' '/x' %}")
        assert "max=" not in page
        assert 'data-progress="/x"' in page


class TestCharts:
    BARS = [Bar("Council Tax", Decimal("10.00"), Decimal("5.00")), Bar("<Rents>", Decimal("-4.00"), Decimal(0))]

    def test_say_in_words_what_they_show(self):
        page = rows_chart("n", "By fund", self.BARS)
        assert "Council Tax £10.00, before £5.00" in page
        assert "&lt;Rents&gt;" in page
        assert forbidden(page) == []

    def test_have_no_negative_lengths(self):
        assert 'width="-' not in rows_chart("n", "t", self.BARS)
        assert 'height="-' not in columns_chart("n", "t", self.BARS)

    def test_of_nothing_are_nothing(self):
        assert rows_chart("n", "t", []) == columns_chart("n", "t", []) == ""

    def test_of_noughts_divide_by_nothing(self):
        assert "<svg" in rows_chart("n", "t", [Bar("A", Decimal(0))])
        assert "<svg" in columns_chart("n", "t", [Bar("A", Decimal(0))])
