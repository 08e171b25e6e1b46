"""The people of the demonstration whose access is not everybody's."""

from __future__ import annotations

from ims.access.models import AccessReview
from ims.audit.actors import acting
from ims.common import clock
from ims.demonstration import access, cast
from ims.funds.models import FundGroup
from ims.people.models import CouncilRole, User
from ims.people.roles import sync_roles
from ims.people.selectors import actor_for
from tests.support.world import SET_UP, World


def test_they_are_there_once_however_often_it_is_arranged(world: World):
    sync_roles()
    with acting(SET_UP, "Test set-up"):
        FundGroup.objects.create(name=access.GROUP).funds.set(["5"])
    cast.assemble()
    told = []
    for _ in range(2):
        access.arrange(clock.today(), told.append)
    clerk = actor_for(User.objects.get(username=access.CLERK[0]))
    assert clerk.funds == {"5"}
    assert clerk.permissions == set(CouncilRole.objects.get().permissions)
    assert User.objects.get(username=access.SUPPLIER[0]).access_ends_on > clock.today()
    assert AccessReview.objects.get().lines.count() == len(cast.CAST) + 2
    assert told[-1].detail == "as it was"
