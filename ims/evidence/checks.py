"""Are the seals published, and are the files as they were written? Each check reads only; none repairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from ims.common import clock
from ims.common.findings import Finding
from ims.evidence.models import SealPublication
from ims.evidence.publication import directory, in_words, late

DAYS_LOOKED_AT = 35
"""Files older than this may have been moved to where they are kept for good."""


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    overdue = late()
    if overdue:
        yield Finding(
            "evidence.seals_not_published",
            "warning",
            f"{in_words(overdue)} See that the worker runs and that their directory can be written to.",
            f"{overdue[0]:%-d %b %Y}",
        )
    for publication in SealPublication.objects.filter(day__gte=clock.today() - timedelta(days=DAYS_LOOKED_AT)):
        if hashlib.sha256(publication.content.encode()).hexdigest() != publication.sha256:
            message = f"The record of the published {publication} has been altered."
            yield Finding("evidence.publication_record_altered", "error", message, publication.file_name)
        path = directory() / publication.file_name
        if not path.exists():
            message = f"{path} is no longer there. Unless somebody moved it to where it is kept, it was taken away."
            yield Finding("evidence.published_file_gone", "warning", message, publication.file_name)
        elif hashlib.sha256(path.read_bytes()).hexdigest() != publication.sha256:
            message = f"{path} is not as it was published. Compare it with the copies elsewhere."
            yield Finding("evidence.published_file_altered", "error", message, publication.file_name)
