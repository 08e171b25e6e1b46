"""Where `ims <command>` starts."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command. Django's own commands (`migrate`, `createsuperuser` …) work too."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.development")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["ims", *sys.argv[1:]])
