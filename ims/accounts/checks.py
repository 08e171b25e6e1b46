"""Are the kept files of account holders as they arrived? Reads only; repairs nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ims.common.checks import Check
from ims.common.findings import Finding

_ALTERED = Check(
    "accounts.altered_file",
    "The bytes kept of {0} are not those that were received. Restore the file from a backup.",
    """SELECT file_name FROM accounts_accountload
       WHERE encode(sha256(content), 'hex') <> sha256 AND NOT ims_is_erased('accounts_accountload', id)""",
)


def verify_files() -> Iterator[Finding]:
    """Hash the bytes of every file of account holders."""
    yield from _ALTERED.run()


def verify() -> Iterator[Finding]:
    """Hash the bytes of those that came lately."""
    recent = f"{_ALTERED.query} AND received_at > now() - interval '35 days'"
    yield from Check(_ALTERED.name, _ALTERED.sentence, recent).run()
