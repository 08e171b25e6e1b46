"""A small XML element as plain dictionaries, by local name: faster to ask many questions of than the element."""

from __future__ import annotations

from typing import Any

from lxml import etree

Node = dict[str, Any]
"""Local name → text, `Node`, or a list of those where the element repeats. ``"Amt@Ccy"`` holds that attribute."""


def prefix_length(element: etree._Element) -> int:
    """How many characters of a tag are its namespace in braces."""
    return element.tag.rfind("}") + 1


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


def all_texts(node: Node, name: str) -> list[str]:
    """Every non-empty text of that name."""
    found = node.get(name, [])
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, str) and item]
