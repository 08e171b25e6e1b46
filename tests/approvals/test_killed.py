"""A process killed while it approves: the whole is applied or nothing, and what waits can still be decided."""

from __future__ import annotations

import random
import time
from decimal import Decimal

from ims.approvals import services
from ims.approvals.models import Request
from ims.audit.actors import command
from ims.imports.models import ImportBatch
from ims.imports.states import BatchState
from ims.ledger.models import Entry
from tests.imports.files import line, posted, simple_profile
from tests.people.people_world import actor
from tests.support.processes import Process
from tests.support.world import World

ROWS = 3000


def approving(request: Request, person: int) -> Process:
    """A process of its own on the test's database that approves `request` as `person`."""
    return Process(
        "from ims.approvals import services; from ims.people.models import User;"
        "from ims.people.selectors import actor_for;"
        f"person = actor_for(User.objects.get(pk={person})); print('ready', flush=True);"
        f"services.approve(actor=person, request_id={request.pk})"
    )


def test_a_process_killed_while_approving_leaves_the_whole_or_nothing(world_committed: World):
    simple_profile()
    mina, fran = actor("mina", "Income manager"), actor("fran", "Finance")
    batch = posted(command("tests"), [line("1.00", narrative=f"ROW {number}") for number in range(ROWS)])
    payload = {"batch_id": batch.pk, "reason": "Wrong day"}
    request = services.request(actor=mina, kind="imports.reversal", payload=payload, reason="Wrong day")
    chance = random.Random(20261126)
    for _ in range(4):
        killed = approving(request, int(fran.identifier))
        assert killed.said() == "ready"
        time.sleep(chance.uniform(0.0, 0.35))
        killed.kill()
        request.refresh_from_db()
        if not request.is_waiting:
            break
        assert Entry.objects.count() == ROWS
        assert ImportBatch.objects.get(pk=batch.pk).state == BatchState.POSTED
    if request.is_waiting:
        assert services.approve(actor=fran, request_id=request.pk).state == "approved"
    request.refresh_from_db()
    assert (request.state, request.outcome) == ("approved", f"Import {batch.pk} reversed")
    assert Entry.objects.count() == 2 * ROWS
    assert sum(Entry.objects.values_list("amount", flat=True), Decimal(0)) == 0
    assert ImportBatch.objects.get(pk=batch.pk).state == BatchState.REVERSED
