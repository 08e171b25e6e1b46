"""Translations without tools of the system: what there is to translate, reading a catalogue, and compiling it.

`ims/locale/cy/LC_MESSAGES/django.po` is edited by people; `django.mo` beside it is compiled from it and committed,
so that installing IMS needs no gettext.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.template import engines
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "ims" / "locale" / "cy" / "LC_MESSAGES"
ROOMS = ("portal", "payment_types", "correspondence")
"""The rooms that speak to payers."""

_CALLS = {"_", "gettext", "gettext_lazy", "ngettext"}


@dataclass(frozen=True)
class Wanted:
    """One text to translate, its plural if it has one, and where it stands."""

    text: str
    plural: str
    where: str


def wanted() -> list[Wanted]:
    """Every text that payers may read, from the code and the templates of `ROOMS`; each once."""
    found: dict[str, Wanted] = {}
    for each in (*_from_code(), *_from_templates()):
        found.setdefault(each.text, each)
    return list(found.values())


def _from_code() -> Iterator[Wanted]:
    for room in ROOMS:
        for path in sorted((ROOT / "ims" / room).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "django.utils.translation" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
                    texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
                    if texts and isinstance(texts[0], str):
                        plural = texts[1] if node.func.id == "ngettext" else ""
                        yield Wanted(texts[0], plural, str(path.relative_to(ROOT)))


def _from_templates() -> Iterator[Wanted]:
    for room in ROOMS:
        for path in sorted((ROOT / "ims" / room / "templates").rglob("*.html")):
            template = engines["django"].from_string(path.read_text(encoding="utf-8"))
            for node in _nodes(template.template.nodelist):
                where = str(path.relative_to(ROOT))
                if isinstance(node, TranslateNode):
                    yield Wanted(str(node.filter_expression.var.literal).replace("%", "%%"), "", where)
                elif isinstance(node, BlockTranslateNode):
                    singular, _ = node.render_token_list(node.singular)
                    plural = node.render_token_list(node.plural)[0] if node.plural else ""
                    yield Wanted(_trimmed(node, singular), _trimmed(node, plural), where)


def _nodes(nodes: object) -> Iterator[Node]:
    for node in nodes:
        yield node
        for name in (*getattr(node, "child_nodelists", ()), "nodelist"):
            yield from _nodes(getattr(node, name, None) or ())
        for _condition, inner in getattr(node, "conditions_nodelists", ()):
            yield from _nodes(inner)


def _trimmed(node: BlockTranslateNode, text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip()) if node.trimmed else text


def read(path: Path) -> dict[str, list[str]]:
    """A catalogue as written by people: text to translations, one for each plural form."""
    found: dict[str, list[str]] = {}
    key, part, entry = "", "", {}
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if "msgid" in entry:
                plural = f"\0{entry['msgid_plural']}" if "msgid_plural" in entry else ""
                key = entry["msgid"] + plural
                found[key] = [entry[name] for name in sorted(entry) if name.startswith("msgstr")]
            entry = {}
            continue
        named = re.match(r'(msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$', line)
        if named:
            part = named[1]
            entry[part] = ast.literal_eval(named[2])
        else:
            entry[part] += ast.literal_eval(line)
    return found


def compiled(catalogue: dict[str, list[str]]) -> bytes:
    """The binary form, as GNU gettext describes it (little-endian, revision 0, no hash table)."""
    pairs = sorted((key.encode(), "\0".join(values).encode()) for key, values in catalogue.items())
    count = len(pairs)
    originals, translations = 28, 28 + 8 * count
    at = translations + 8 * count
    tables: list[list[int]] = [[], []]
    texts = b""
    for column in (0, 1):
        for pair in pairs:
            text = pair[column]
            tables[column] += [len(text), at + len(texts)]
            texts += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, originals, translations, 0, 0)
    return head + struct.pack(f"<{2 * count}I", *tables[0]) + struct.pack(f"<{2 * count}I", *tables[1]) + texts
