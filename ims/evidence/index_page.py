"""The page that opens an evidence pack: one HTML file that needs no network, no script and no IMS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.html import format_html, format_html_join, mark_safe
from django.utils.safestring import SafeString

from ims.evidence.filed import Filed, Folder

_LOOK = mark_safe(
    "body{font:16px/1.5 Arial,Helvetica,sans-serif;color:#0b0c0c;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:2rem;margin:0 0 .5rem}h2{margin-top:2.5rem;border-top:2px solid #0b0c0c;padding-top:.75rem}"
    "table{border-collapse:collapse;width:100%;margin:.75rem 0 1.5rem}caption{text-align:left;font-weight:bold}"
    "th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #b1b4b6;vertical-align:top}"
    "code{font-size:.8rem;overflow-wrap:anywhere}pre{background:#f3f2f1;padding:.75rem;overflow-x:auto}"
    "dt{font-weight:bold}dd{margin:0 0 .5rem}.wide{overflow-x:auto}a{color:#1d70b8}"
    "@media print{body{margin:0;max-width:none}a{color:inherit}}"
)


def page(index: dict[str, Any], folders: Sequence[Folder]) -> str:
    """The index as HTML."""
    title = f"{index['title']}, {index['council']}"
    return (
        format_html(
            '<!doctype html>\n<html lang="en-GB">\n<head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<title>{}</title><style>{}</style></head>\n<body>\n<h1>{}</h1>\n{}\n{}\n{}\n</body>\n</html>",
            title,
            _LOOK,
            title,
            _head(index),
            _how(),
            format_html_join("\n", "{}", ((_section(folder),) for folder in folders)),
        )
        + "\n"
    )


def _head(index: dict[str, Any]) -> SafeString:
    first, last = (f"{date.fromisoformat(index[name]):%-d %b %Y}" for name in ("first", "last"))
    taken = datetime.strptime(index["taken_at"], "%Y-%m-%dT%H:%M:%S%z")
    return format_html(
        "<dl><dt>Period</dt><dd>{} to {}, both included</dd><dt>Taken</dt><dd>{} by {}</dd>"
        "<dt>By</dt><dd>IMS {}</dd></dl>",
        first,
        last,
        f"{taken:%-d %b %Y, %H:%M}",
        index["taken_by"],
        index["version"],
    )


def _how() -> SafeString:
    return format_html(
        "<p>Every file below has its SHA-256 beside it. To check them all, in this folder:</p>\n"
        "<pre>sha256sum --check SHA256SUMS</pre>\n"
        "<p>To check the ledger and the audit trail themselves, with Python alone, against the seals that were "
        "published when they were made (use the copies you kept, not those in this pack):</p>\n"
        "<pre>python3 proof/offline_verifier.py proof/ledger.jsonl proof/events.jsonl PUBLISHED-SEALS</pre>"
        "<p>Where text about payers was disposed of, it says which entries could not be reckoned in full, and by which "
        "certificate of disposal they are proved instead.</p>{}",
        "",
    )


def _section(folder: Folder) -> SafeString:
    return format_html(
        "<h2>{}</h2>\n<p>{}</p>\n{}\n{}",
        folder.section.title,
        folder.section.why,
        _files(folder.files),
        format_html_join("\n", "{}", ((_shown(each),) for each in folder.files if each.shown)),
    )


def _files(files: Iterable[Filed]) -> SafeString:
    rows = format_html_join(
        "\n",
        '<tr><th scope="row"><a href="{}">{}</a></th><td>{}</td><td>{}</td><td><code>{}</code></td></tr>',
        ((each.path, each.path.partition("/")[2], each.title, _length(each), each.sha256) for each in files),
    )
    return format_html(
        '<div class="wide"><table><thead><tr><th scope="col">File</th><th scope="col">What it is</th>'
        '<th scope="col">Length</th><th scope="col">SHA-256</th></tr></thead><tbody>\n{}\n</tbody></table></div>',
        rows,
    )


def _length(each: Filed) -> str:
    return f"{each.size:,} bytes" if each.rows is None else f"{each.rows:,} rows"


def _shown(each: Filed) -> SafeString:
    headings, *rows = each.shown
    return format_html(
        '<div class="wide"><table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table></div>',
        each.title,
        format_html_join("", '<th scope="col">{}</th>', ((heading,) for heading in headings)),
        format_html_join(
            "\n", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
        ),
    )
