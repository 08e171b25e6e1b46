"""Access reviews: everybody looked at by somebody else, and final once signed off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from ims.access import checks, selectors, services
from ims.access.errors import AccessRefusal
from ims.access.models import AccessReview, ReviewLine
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import InvalidInput, NotAllowed
from ims.people import services as people
from ims.people.models import User
from tests.access.conftest import fresh
from tests.support.measuring import measured


@pytest.fixture
def review(administrator, colleague, manager, officer) -> AccessReview:
    return services.open_review(actor=administrator, title="Quarter 3 of 2026-27", due_on=clock.today())


def line(review: AccessReview, username: str) -> ReviewLine:
    return review.lines.get(username=username)


def decide(actor, found: ReviewLine, decision: str = "confirmed") -> ReviewLine:
    return services.decide(actor=actor, line_id=found.pk, decision=decision, reason="Asked their manager")


def test_it_holds_what_everybody_had_when_it_was_opened(review, administrator, officer):
    found = line(review, "olu")
    assert (found.roles, found.scope, found.kind) == ("Income officer", "All money", "Staff")
    people.change_roles(actor=administrator, person=officer, roles=["Finance"], reason="Moved")
    assert line(review, "olu").roles == "Income officer"
    assert Event.objects.get(verb="access_review_opened").data == {"people": 4}


def test_only_one_is_open_at_a_time(review, administrator):
    with pytest.raises(AccessRefusal, match="open already"):
        services.open_review(actor=administrator, title="Another", due_on=clock.today())


def test_nobody_reviews_themselves_and_the_database_agrees(review, administrator):
    own = line(review, "ada")
    with pytest.raises(AccessRefusal, match="your own"):
        decide(administrator, own)
    with pytest.raises(IntegrityError, match="nobody_reviews_themselves"), transaction.atomic():
        ReviewLine.objects.filter(pk=own.pk).update(
            decision="confirmed", reason="Me", decided_at=clock.now(), decided_by=own.person_id
        )


def test_it_needs_the_permission_and_a_reason(review, desk, manager):
    with pytest.raises(NotAllowed):
        decide(desk, line(review, "olu"))
    with pytest.raises(InvalidInput, match="Say why"):
        services.decide(actor=manager, line_id=line(review, "olu").pk, decision="confirmed", reason=" ")


def test_changed_must_be_true(review, manager, administrator, officer):
    with pytest.raises(AccessRefusal, match="are what they were"):
        decide(manager, line(review, "olu"), "changed")
    services.set_scope(
        actor=administrator, person=officer, fund_groups=[], offices=["WP"], methods=None, reason="Counter only"
    )
    assert decide(manager, line(review, "olu"), "changed").decision == "changed"


def test_removed_is_removed_at_once(review, manager, officer):
    decide(manager, line(review, "olu"), "removed")
    gone = fresh(officer)
    assert not gone.is_active
    assert gone.role_names == ""
    assert gone.history.first().history_change_reason == "Quarter 3 of 2026-27: Asked their manager"


def test_a_manager_cannot_take_an_administrators_access(review, manager, administrator):
    with pytest.raises(NotAllowed, match="Administrator"):
        decide(manager, line(review, "ada"), "removed")


def test_signed_off_it_is_final_for_the_database_too(review, administrator, colleague, manager):
    with pytest.raises(AccessRefusal, match="4 people"):
        services.sign_off(actor=administrator, review_id=review.pk, statement="All looked at")
    with pytest.raises(IntegrityError, match="nobody has decided about"), transaction.atomic():
        AccessReview.objects.filter(pk=review.pk).update(signed_off_at=clock.now(), signed_off_by="Ada")
    for name, who in (("ada", colleague), ("bea", administrator), ("max", administrator), ("olu", manager)):
        decide(who, line(review, name))
    signed = services.sign_off(actor=administrator, review_id=review.pk, statement="All looked at")
    assert not signed.is_open
    with pytest.raises(AccessRefusal, match="signed off"):
        decide(manager, line(review, "olu"), "removed")
    with pytest.raises(AccessRefusal, match="already"):
        services.sign_off(actor=administrator, review_id=review.pk, statement="Again")
    for change in (
        lambda: ReviewLine.objects.filter(review=review).update(reason="Something else"),
        lambda: ReviewLine.objects.filter(review=review).delete(),
        lambda: AccessReview.objects.filter(pk=review.pk).update(statement="Something else"),
        lambda: ReviewLine.objects.create(review=review, person_id=line(review, "olu").person_id, name="x", kind="x"),
    ):
        with pytest.raises(IntegrityError, match="signed off"), transaction.atomic():
            change()
    assert Event.objects.get(verb="access_review_signed_off").data == {"confirmed": 4, "changed": 0, "removed": 0}


def test_what_somebody_held_cannot_be_rewritten(review):
    with pytest.raises(IntegrityError, match="does not change"), transaction.atomic():
        ReviewLine.objects.filter(review=review).update(roles="Administrator")


def test_a_late_review_is_said_to_be(administrator, officer):
    assert selectors.findings(administrator) == []  # the first is due a quarter after the first person was added
    User.objects.update(date_joined=clock.now() - timedelta(days=92), access_began_at=clock.now())
    assert [each.check for each in checks.verify()] == ["access.review_due"]
    assert measured("ACCESS_REVIEW") == 0
    [due] = selectors.findings(administrator)
    assert "An access review is due" in due.message
    opened = services.open_review(actor=administrator, title="Q3", due_on=clock.today())
    assert selectors.findings(administrator)[0].check == "access.review_open"
    AccessReview.objects.filter(pk=opened.pk).update(due_on=clock.today() - timedelta(days=1))
    [late] = selectors.findings(administrator)
    assert [(each.check, each.severity) for each in checks.verify()] == [("access.review_overdue", "warning")]
    assert measured("ACCESS_REVIEW") == 1
    assert (late.check, late.severity) == ("access.review_overdue", "error")
    assert "2 people are not decided about" in late.message
