"""Writes `docs/architecture/data-dictionary.md` from the models: every table, every field, and what it is for.

DJANGO_SETTINGS_MODULE=ims.settings.test python -m ims.settings.data_dictionary > docs/architecture/data-dictionary.md
"""

from __future__ import annotations

from collections.abc import Iterator

import django
from django.apps import apps
from django.db import models

HEAD = """# Data dictionary

Every table IMS makes, room by room, from the models themselves. Written by `python -m ims.settings.data_dictionary`; a
test fails when it is out of date. History tables, which repeat the fields of a table with who, when and why, are named
beside it.
"""


def page() -> str:
    """The whole page, as Markdown. The applications must be loaded."""
    return "\n".join([HEAD, *_rooms()]) + "\n"


def _rooms() -> Iterator[str]:
    for config in sorted(apps.get_app_configs(), key=lambda config: config.label):
        if not config.name.startswith("ims."):
            continue
        tables = [model for model in config.get_models() if not _is_history(model) and model._meta.managed]
        if tables:
            yield f"## {config.name.removeprefix('ims.')}\n"
            for model in sorted(tables, key=lambda model: model._meta.db_table):
                yield from _table(model)


def _is_history(model: type[models.Model]) -> bool:
    return hasattr(model, "history_object") or model.__name__.startswith("Historical")


def _table(model: type[models.Model]) -> Iterator[str]:
    meta = model._meta
    yield f"### `{meta.db_table}`\n"
    history = getattr(model, "history", None)
    tracked = f" History in `{history.model._meta.db_table}`." if history is not None else ""
    yield f"{_told(model)}{tracked}\n"
    yield "| field | type | empty | refers to | meaning |"
    yield "|---|---|---|---|---|"
    for field in meta.concrete_fields:
        yield _row(field)
    yield ""


def _told(model: type[models.Model]) -> str:
    """The first paragraph of what the model says of itself."""
    text = (model.__doc__ or "").strip().split("\n\n")[0]
    written = "" if text.startswith(f"{model.__name__}(") else " ".join(text.split())
    return written or f"{str(model._meta.verbose_name).capitalize()}."


def _row(field: models.Field) -> str:
    target = field.related_model
    refers = f"`{target._meta.db_table}`" if target is not None else ""
    meaning = str(field.help_text) or (str(field.verbose_name) if field.verbose_name != field.name else "")
    cells = [f"`{field.column}`", _kind(field), "yes" if field.null else "", refers, meaning.replace("|", "\\|")]
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"


def _kind(field: models.Field) -> str:
    """The type in words, with its size; the key is named as such."""
    name = type(field.target_field if field.related_model is not None else field).__name__.removesuffix("Field")
    sizes = {"Decimal": f" {getattr(field, 'max_digits', '')},{getattr(field, 'decimal_places', '')}"}
    length = f" {field.max_length}" if isinstance(field, models.CharField) and field.max_length else ""
    key = ", key" if field.primary_key else ", unique" if field.unique else ""
    return f"{name}{sizes.get(name, length)}{key}"


if __name__ == "__main__":
    django.setup()
    print(page(), end="")
