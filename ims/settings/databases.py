"""Where the database is, and as whom to connect.

Two roles: `ims_owner` owns the tables and migrates them; `ims_app` runs the application and may only read and add
to the ledger and the audit trail.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

from ims.settings import embedded_postgres
from ims.settings.environment import setting

OPTIONS = {
    # The owner of long work decides its own limit; everything else must be quick or fail.
    "options": "-c datestyle=iso,dmy -c timezone=UTC -c lock_timeout=15s -c idle_in_transaction_session_timeout=15min"
}


def configured() -> dict[str, Any] | None:
    """The database the environment names, or None when it names none."""
    url = setting("IMS_DATABASE_URL")
    if not url:
        return None
    if setting("IMS_CONNECT_AS") == "owner":
        url = setting("IMS_DATABASE_OWNER_URL") or url
    return _with_defaults(environ.Env.db_url_config(url))


def embedded(directory: Path, name: str, *, throw_away: bool, user: str | None = None) -> dict[str, Any]:
    """The database `name` on the embedded server, started and created if need be."""
    host = embedded_postgres.start(directory, throw_away=throw_away)
    embedded_postgres.create_database(host, name)
    role = user or ("ims_owner" if setting("IMS_CONNECT_AS") == "owner" else "ims_app")
    return _with_defaults({"NAME": name, "USER": role, "HOST": host})


def _with_defaults(database: dict[str, Any]) -> dict[str, Any]:
    return {
        **database,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {**OPTIONS, **database.get("OPTIONS", {})},
    }
