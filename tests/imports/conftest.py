"""Profiles and files for the tests of imports."""

from __future__ import annotations

import pytest

from ims.audit.actors import command
from ims.imports.models import FileProfile
from ims.imports.seed import seed_profiles
from tests.imports.files import simple_profile


@pytest.fixture
def actor():
    """Whoever types commands on the server: may do everything."""
    return command("tests")


@pytest.fixture
def profile(world) -> FileProfile:
    """A simple CSV with one column for each field."""
    return simple_profile()


@pytest.fixture
def seeded(world, actor) -> dict[str, FileProfile]:
    """Every profile that comes with IMS, by code."""
    seed_profiles(actor)
    return {profile.code: profile for profile in FileProfile.objects.all()}
