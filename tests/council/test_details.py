"""The council's details: colours that can be read, a VAT number that can be right, one row."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ims.audit.actors import acting
from ims.council import rules
from ims.council.models import CouncilDetails
from ims.council.selectors import details
from tests.support.world import SET_UP


def test_contrast_as_wcag_reckons_it():
    assert round(rules.contrast("#000000", "#ffffff"), 1) == 21.0
    assert round(rules.contrast("#767676", "#ffffff"), 2) == 4.54  # the lightest grey that passes
    assert rules.colour_fault("#767676") == ""
    assert "4.5" in rules.colour_fault("#777777")


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#12345g", "#0c2a38;}", "#0c2a38 "])
def test_what_is_no_colour_is_refused(colour: str):
    assert "is not a colour" in rules.colour_fault(colour)


def test_vat_numbers():
    assert rules.vat_number_fault("980 7806 84") == ""
    assert "check digits" in rules.vat_number_fault("980780685")


@pytest.mark.django_db
def test_a_council_that_entered_nothing_has_its_name():
    assert details().known_as == "Model Council"
    assert details().name_in("cy") == "Model Council"


@pytest.mark.django_db
def test_one_row_with_history_and_no_second():
    with acting(SET_UP, "Set-up"):
        CouncilDetails(name="Barchester City Council", name_welsh="Cyngor Dinas Barchester").save()
    assert details().name_in("cy") == "Cyngor Dinas Barchester"
    assert CouncilDetails.history.get().history_change_reason == "Set-up"
    with pytest.raises(IntegrityError), transaction.atomic():
        CouncilDetails.objects.create(id=2)
    with pytest.raises(ValidationError):
        CouncilDetails(brand_colour="#ffff00").full_clean()
