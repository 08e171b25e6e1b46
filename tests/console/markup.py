"""What the Content-Security-Policy forbids in a page, looked for in its markup."""

from __future__ import annotations

from lxml import html

DATA_TYPES = {"application/json"}


def forbidden(page: str) -> list[str]:
    """Every inline style, handler and script of `page`, described."""
    found = []
    for element in html.fromstring(page).iter():
        if not isinstance(element.tag, str):
            continue
        found.extend(f"{element.tag} {name}" for name in element.attrib if name == "style" or name.startswith("on"))
        if element.tag == "style":
            found.append("style element")
        if element.tag == "script" and not element.get("src") and element.get("type") not in DATA_TYPES:
            found.append("script without src")
        if (element.get("href") or "").lower().startswith("javascript:"):
            found.append("javascript: address")
    return found


def duplicate_ids(page: str) -> list[str]:
    """Identifiers that occur more than once."""
    seen = [element.get("id") for element in html.fromstring(page).iter() if isinstance(element.tag, str)]
    return sorted({name for name in seen if name and seen.count(name) > 1})


def text_of(page: bytes | str) -> str:
    """The words of a page, spaces made single."""
    content = page.decode() if isinstance(page, bytes) else page
    tree = html.fromstring(content)
    return " ".join(" ".join(tree.itertext()).split())
