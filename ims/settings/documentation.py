"""Writes `docs/architecture/configuration.md` from the variables declared in `environment.py`.

python -m ims.settings.documentation > docs/architecture/configuration.md
"""

from __future__ import annotations

from ims.settings.environment import VARIABLES, Variable

HEAD = """# Configuration

Every environment variable IMS reads. This page is written by `python -m ims.settings.documentation`.

A secret may be given as a file: set `NAME_FILE` to a path, and leave `NAME` unset. A service of systemd may also be
handed it as a credential called `NAME`, which is how the kit in `deploy/ansible` does it.

| variable | default | secret | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The whole page, as Markdown."""
    return HEAD + "".join(_row(variable) for variable in VARIABLES.values())


def _row(variable: Variable) -> str:
    default = "" if variable.default in (None, "", [], {}) else f"`{variable.default}`"
    return f"| `{variable.name}` | {default} | {'yes' if variable.secret else ''} | {variable.meaning} |\n"


if __name__ == "__main__":
    print(page(), end="")
