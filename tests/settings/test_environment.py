"""Where a variable's value comes from: the environment, a file, or a credential that systemd handed over."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ims.settings.environment import Variable, named_secret

SECRET = Variable("IMS_TESTED", int, 7, "A variable of this test.", secret=True)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMS_TESTED", "IMS_TESTED_FILE", "CREDENTIALS_DIRECTORY", "IMS_SECRETS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_the_default_holds_when_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert SECRET.value() == 7


def test_a_credential_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "IMS_TESTED").write_text("8\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert SECRET.value() == 8


def test_a_file_that_is_named_comes_before_a_credential_and_the_environment_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "IMS_TESTED").write_text("8", encoding="utf-8")
    (tmp_path / "named").write_text("9", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("IMS_TESTED_FILE", str(tmp_path / "named"))
    assert SECRET.value() == 9
    monkeypatch.setenv("IMS_TESTED", "10")
    assert SECRET.value() == 10


def test_a_secret_that_cannot_be_read_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "IMS_TESTED").write_text("hunter2", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ImproperlyConfigured, match="IMS_TESTED: the value given cannot be read") as refusal:
        SECRET.value()
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_a_named_secret_is_a_file_of_its_directory_or_else_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "secret_govuk-pay").write_text("handed over\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert named_secret("govuk-pay") == "handed over"
    assert named_secret("another") == ""
    (tmp_path / "govuk-pay").write_text("in a file\n", encoding="utf-8")
    monkeypatch.setenv("IMS_SECRETS_DIRECTORY", str(tmp_path))
    assert named_secret("govuk-pay") == "in a file"
