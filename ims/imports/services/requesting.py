"""Asking for the long steps to be done in the background."""

from __future__ import annotations

from typing import BinaryIO

from django.db import transaction

from ims.audit.actors import Actor, authorise
from ims.imports import selectors
from ims.imports.models import ImportBatch
from ims.imports.services.posting import POST
from ims.imports.services.receiving import RECEIVE, receive
from ims.jobs.models import JobRun
from ims.jobs.queue import enqueue

CHECK_JOB = "imports.check"
POST_JOB = "imports.post"


@transaction.atomic
def receive_and_check(*, actor: Actor, stream: BinaryIO, name: str, profile: str = "") -> ImportBatch:
    """`receive` a file and ask for its check, in one transaction: no file without a job, no job without a file."""
    batch = receive(actor=actor, stream=stream, name=name, profile=profile)
    check_later(actor=actor, batch_id=batch.pk)
    return batch


@transaction.atomic
def check_later(*, actor: Actor, batch_id: int) -> JobRun:
    """Ask for a batch to be checked by a worker."""
    authorise(actor, RECEIVE, what="check files")
    batch = selectors.batch(actor, batch_id)
    return enqueue(CHECK_JOB, actor=actor, subject=batch, title=f"Check {batch.file_name}", batch=batch.pk)


@transaction.atomic
def post_later(*, actor: Actor, batch_id: int) -> JobRun:
    """Ask for a batch to be posted by a worker."""
    authorise(actor, POST, what="post imported files")
    batch = selectors.batch(actor, batch_id)
    return enqueue(POST_JOB, actor=actor, subject=batch, title=f"Post {batch.file_name}", batch=batch.pk)
