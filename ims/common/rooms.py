"""The rooms of the application, as Django knows them."""

from __future__ import annotations

from typing import Any

from django.apps import apps


def is_last(sender: Any) -> bool:
    """Whether the application that has just migrated is the last one with tables: all others have theirs by now."""
    return sender is [config for config in apps.get_app_configs() if config.models_module is not None][-1]
