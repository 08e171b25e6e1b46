"""What the monitoring measures, by the very query it runs on a council's server."""

from __future__ import annotations

import re
from pathlib import Path

from django.db import connection

MEASURE = Path(__file__).resolve().parents[2] / "deploy/ansible/roles/ims_monitoring/files/ims-measure"


def measured(name: str) -> int:
    """What the query called `name` in `ims-measure` finds in the database of the test."""
    query = re.search(rf'{name} = """(.*?)"""', MEASURE.read_text(), re.DOTALL)[1]
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
