"""Getting at the database from a command."""

from __future__ import annotations

import os

SETTINGS = "ims.settings.development"


def connect() -> None:
    """Read the settings and make the models ready. Starts the embedded PostgreSQL where that is the database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    import django

    django.setup()
