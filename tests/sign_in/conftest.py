"""A directory for the tests of sign-in: a real OpenID provider process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sign_in.openid_provider import Provider


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory) -> Iterator[Provider]:
    started = Provider(tmp_path_factory.mktemp("provider"), "http://testserver")
    yield started
    started.stop()


@pytest.fixture
def provider(provider_process: Provider, settings) -> Provider:
    """The provider, as the council's one directory, with Olu signed in and in no group."""
    settings.DIRECTORIES = [provider_process.directory()]
    provider_process.says(user="olu")
    return provider_process
