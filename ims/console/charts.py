"""Small charts as SVG from the server: no script, they print, and a table beside each says the same.

Colours are classes of the style sheet, because pages may hold no style of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ims.common.money import ZERO, format_pounds

_ROW, _BAR, _LABEL, _WIDTH, _VALUE = 38, 12, 170, 500, 112
"""Heights and widths in the units of the picture, near enough the pixels it is shown at."""


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its value in pounds, the value to compare it with (None: nothing), and its class."""

    label: str
    value: Decimal
    before: Decimal | None = None
    tone: str = ""


def rows_chart(name: str, title: str, bars: Sequence[Bar]) -> SafeString:
    """Bars lying on one another, each with the earlier value beneath. Negative values have no bar, only a figure.

    `name` is unique in the page; `title` says what the chart shows.
    """
    if not bars:
        return SafeString("")
    longest = max((max(bar.value, bar.before or ZERO) for bar in bars), default=ZERO) or Decimal(1)
    room = _WIDTH - _LABEL - _VALUE
    height = _ROW * len(bars)
    drawn = format_html_join("", "{}", ((_row(bar, place, room, longest),) for place, bar in enumerate(bars)))
    axis = format_html('<line class="ims-chart__axis" x1="{x}" x2="{x}" y1="0" y2="{h}"></line>', x=_LABEL, h=height)
    return _frame(name, title, bars, height, drawn + axis)


def _row(bar: Bar, place: int, room: int, longest: Decimal) -> SafeString:
    top = place * _ROW + 7
    middle = top + _BAR + 2
    now = _length(bar.value, room, longest)
    tone = f" ims-chart__bar--{bar.tone}" if bar.tone else ""
    parts = [
        format_html(
            '<text class="ims-chart__text" x="{}" y="{}" text-anchor="end">{}</text>',
            _LABEL - 10,
            middle + 3,
            _short(bar.label),
        ),
        format_html(
            '<rect class="ims-chart__bar{}" x="{}" y="{}" width="{}" height="{}"></rect>', tone, _LABEL, top, now, _BAR
        ),
    ]
    if bar.before is not None:
        parts.append(
            format_html(
                '<rect class="ims-chart__bar ims-chart__bar--before" x="{}" y="{}" width="{}" height="{}"></rect>',
                _LABEL,
                top + _BAR + 2,
                _length(bar.before, room, longest),
                _BAR,
            )
        )
    parts.append(
        format_html(
            '<text class="ims-chart__text" x="{}" y="{}">{}</text>',
            _LABEL + now + 6,
            top + _BAR - 2,
            format_pounds(bar.value),
        )
    )
    return SafeString("".join(parts))


def columns_chart(name: str, title: str, bars: Sequence[Bar], *, height: int = 150) -> SafeString:
    """Bars standing beside one another, oldest at the left, the greatest labelled with its value."""
    if not bars:
        return SafeString("")
    tallest = max((bar.value for bar in bars), default=ZERO)
    scale = tallest if tallest > 0 else Decimal(1)
    step = Decimal(_WIDTH) / len(bars)
    room = height - 44
    parts = []
    for place, bar in enumerate(bars):
        tall = _length(bar.value, room, scale)
        left = round(float(step * place + step / 6), 1)
        centre = round(float(step * place + step / 2), 1)
        tone = f" ims-chart__bar--{bar.tone}" if bar.tone else ""
        parts.append(
            format_html(
                '<rect class="ims-chart__bar{}" x="{}" y="{}" width="{}" height="{}"></rect>'
                '<text class="ims-chart__text--quiet" x="{}" y="{}" text-anchor="middle">{}</text>',
                tone,
                left,
                20 + room - tall,
                round(float(step) * 2 / 3, 1),
                tall,
                centre,
                height - 6,
                bar.label,
            )
        )
        if bar.value == tallest and tallest > 0:
            anchor = "start" if place == 0 else "end" if place == len(bars) - 1 else "middle"
            edge = {"start": left, "end": round(left + float(step) * 2 / 3, 1), "middle": centre}[anchor]
            parts.append(
                format_html(
                    '<text class="ims-chart__text" x="{}" y="14" text-anchor="{}">{}</text>',
                    edge,
                    anchor,
                    format_pounds(bar.value),
                )
            )
    floor = format_html('<line class="ims-chart__axis" x1="0" x2="{}" y1="{y}" y2="{y}"></line>', _WIDTH, y=20 + room)
    return _frame(name, title, bars, height, SafeString("".join(parts)) + floor)


def _frame(name: str, title: str, bars: Sequence[Bar], height: int, drawn: SafeString) -> SafeString:
    told = "; ".join(
        f"{bar.label} {format_pounds(bar.value)}"
        + (f", before {format_pounds(bar.before)}" if bar.before is not None else "")
        for bar in bars
    )
    return format_html(
        '<svg class="ims-chart" role="img" aria-labelledby="{n}-title {n}-told" viewBox="0 0 {w} {h}">'
        '<title id="{n}-title">{title}</title><desc id="{n}-told">{told}</desc>{drawn}</svg>',
        n=name,
        w=_WIDTH,
        h=height,
        title=title,
        told=told,
        drawn=drawn,
    )


def _length(value: Decimal, room: int, longest: Decimal) -> float:
    return round(float(max(value, ZERO) / longest * room), 1)


def _short(label: str) -> str:
    return label if len(label) <= 21 else f"{label[:20]}…"
