"""What Django is to refuse to start with: `ims check` and every migration run it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register

_MAY_DO_WITHOUT = ("ims.settings.development", "ims.settings.test")


@register(Tags.security)
def second_factor_is_required(app_configs: Any, **_: Any) -> list[Error]:
    """Only the demonstration and the tests may let a password alone open everything."""
    if settings.SECOND_FACTOR_REQUIRED or settings.SETTINGS_MODULE in _MAY_DO_WITHOUT:
        return []
    return [
        Error(
            "Local accounts need no second factor.",
            hint="Take SECOND_FACTOR_REQUIRED out of the settings. Only the demonstration may do without.",
            id="sign_in.E001",
        )
    ]
