"""A small XML element as plain dictionaries, by local name: faster to ask many questions of than the element."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

Node = dict[str, Any]
"""Local name → text, `Node`, or a list of those where the element repeats. ``"Amt@Ccy"`` holds that attribute."""


def prefix_length(element: etree._Element) -> int:
    """How many characters of a tag are its namespace in braces."""
    return element.tag.rfind("}") + 1


def local_name(element: etree._Element) -> str:
    """The tag without its namespace; unlike `etree.QName` it bears any namespace a damaged file can hold."""
    return element.tag[prefix_length(element) :]


def tree(element: etree._Element, prefix: int, leave_out: str = "") -> Node:
    """The children of an element, without those called ``leave_out``."""
    node: Node = {}
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            continue
        name = tag[prefix:]
        if name == leave_out:
            continue
        value: Any = tree(child, prefix) if len(child) else (child.text or "").strip()
        if name not in node:
            node[name] = value
            if name.endswith("Amt"):
                node[name + "@Ccy"] = child.get("Ccy", "")
        elif isinstance(node[name], list):
            node[name].append(value)
        else:
            node[name] = [node[name], value]
    return node


def first(node: Node, *path: str) -> Node:
    """The first node at a path; empty where there is none."""
    for name in path:
        found = node.get(name)
        if isinstance(found, list):
            found = found[0]
        if not isinstance(found, dict):
            return {}
        node = found
    return node


def at(node: Node, *path: str) -> str:
    """The first text at a path; empty where there is none."""
    for name in path[:-1]:
        found = node.get(name)
        if isinstance(found, list):
            found = found[0]
        if not isinstance(found, dict):
            return ""
        node = found
    text = node.get(path[-1], "")
    if isinstance(text, list):
        text = text[0]
    return text if isinstance(text, str) else ""


def all_nodes(node: Node, name: str) -> list[Node]:
    """Every child node of that name."""
    found = node.get(name, [])
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]


@dataclass(slots=True)
class Texts:
    """The texts inside an element by their path below it: the quickest form for what comes by the thousand."""

    by_path: dict[str, str] = field(default_factory=dict)
    """First text at each path, such as ``"Refs/EndToEndId"``; ``"Amt@Ccy"`` holds that attribute."""
    further: list[tuple[str, str]] = field(default_factory=list)
    """Path and text of those that repeat."""

    def at(self, path: str) -> str:
        """The first text at a path; empty where there is none."""
        return self.by_path.get(path, "")

    def all(self, path: str) -> list[str]:
        """Every non-empty text at a path."""
        found = self.by_path.get(path)
        return ([found] if found else []) + [text for other, text in self.further if text and other == path]


def texts(element: etree._Element, prefix: int) -> Texts:
    """Everything inside an element."""
    found = Texts()
    _collect(element, prefix, "", found.by_path, found.further)
    return found


def texts_apart(element: etree._Element, prefix: int, container: str, repeated: str) -> tuple[Texts, list[Texts]]:
    """Everything inside an element, but each ``repeated`` inside a ``container`` on its own."""
    found, apart = Texts(), []
    for child in element:
        name = child.tag[prefix:]
        if name != container:
            _collect_one(child, name, prefix, found.by_path, found.further)
            continue
        for grandchild in child:
            inner = grandchild.tag[prefix:]
            if inner == repeated:
                apart.append(texts(grandchild, prefix))
            else:
                _collect_one(grandchild, f"{name}/{inner}", prefix, found.by_path, found.further)
    return found, apart


def _collect(
    element: etree._Element, prefix: int, path: str, by_path: dict[str, str], further: list[tuple[str, str]]
) -> None:
    for child in element:
        _collect_one(child, path + child.tag[prefix:], prefix, by_path, further)


def _collect_one(
    child: etree._Element, key: str, prefix: int, by_path: dict[str, str], further: list[tuple[str, str]]
) -> None:
    if len(child):
        _collect(child, prefix, key + "/", by_path, further)
        return
    text = child.text
    text = text.strip() if text else ""
    if key in by_path:
        further.append((key, text))
        return
    by_path[key] = text
    if key[-3:] == "Amt":
        by_path[key + "@Ccy"] = child.get("Ccy", "")
