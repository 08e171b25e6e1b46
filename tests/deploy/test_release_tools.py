"""The programmes a host trusts: what they refuse. They are run as they are, without a host."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

KIT = Path(__file__).resolve().parents[2] / "deploy" / "ansible"


def programme(role: str, name: str) -> ModuleType:
    path = KIT / "roles" / role / "files" / name
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_").removesuffix(".py"), str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = programme("ims_release", "ims-install-release")
    monkeypatch.setattr(module, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(module, "STATIC", tmp_path / "static")
    return module


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "ims-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def manifest(files: dict[str, bytes], pythons: list[str]) -> bytes:
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return json.dumps({"pythons": pythons, "files": sums}).encode()


OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def install(installer: ModuleType, path: Path, checksum: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["ims-install-release", str(path), checksum])
    return installer.main()


def test_an_archive_with_another_checksum_is_refused(installer, tmp_path, monkeypatch, capsys):
    path = archive(tmp_path, {"ims-1.0/a": b"a"})
    assert install(installer, path, "0" * 64, monkeypatch) == 1
    assert "damaged or altered" in capsys.readouterr().err
    assert not (tmp_path / "releases").exists()


def test_a_file_outside_the_folder_is_refused(installer, tmp_path, monkeypatch):
    path = archive(tmp_path, {"ims-1.0/../../evil": b"a"})
    with pytest.raises(SystemExit, match="does not belong there"):
        install(installer, path, installer.sha256(path), monkeypatch)


@pytest.mark.parametrize(
    ("pythons", "altered", "sentence"),
    [
        (["2.7"], {}, "this host has"),
        ([OWN], {"a": b"b"}, "is not what its manifest says"),
        ([OWN], {"stray": b"b"}, "are not those of its manifest"),
    ],
)
def test_a_release_that_is_not_its_manifest_is_removed(
    installer, tmp_path, monkeypatch, capsys, pythons, altered, sentence
):
    built = {"a": b"a"}
    files = {f"ims-1.0/{name}": content for name, content in (built | altered).items()}
    path = archive(tmp_path, files | {"ims-1.0/manifest.json": manifest(built, pythons)})
    assert install(installer, path, installer.sha256(path), monkeypatch) == 1
    assert sentence in capsys.readouterr().err
    assert not list((tmp_path / "releases").glob("1.0*"))


def test_the_support_bundle_removes_secrets_and_personal_data():
    redact = programme("ims_council", "ims-support-bundle").redact
    given = (
        "postgres://ims_app:Zx9-secret@localhost:5441/ims token=abc jo.bloggs@council.example SW1A 1AA "
        "account 40012345 card 4111 1111 1111 1111 at 09:15:02"
    )
    cleaned = redact(given)
    for gone in ("Zx9-secret", "abc", "jo.bloggs", "SW1A", "40012345", "4111"):
        assert gone not in cleaned
    assert "09:15:02" in cleaned
    assert "localhost:5441" in cleaned


def test_a_vault_keeps_what_it_has_and_renews_what_is_asked(tmp_path, monkeypatch, capsys):
    pytest.importorskip("ansible", reason="needs the kit's own environment: make test-deploy-static")
    vault = programme("ims_secrets", "vault.py")

    def run(*more: str) -> dict:
        monkeypatch.setattr(sys, "argv", ["vault.py", str(tmp_path / "s" / "v.yml"), str(tmp_path / "p" / "pw"), *more])
        assert vault.main() == 0
        return json.loads(capsys.readouterr().out)

    first, again, renewed = run(), run(), run("--renew", "secret_key")
    assert (first["changed"], again["changed"], renewed["changed"]) == (True, False, True)
    assert first["values"] == again["values"]
    assert {name for name in first["values"] if first["values"][name] != renewed["values"][name]} == {"secret_key"}
    content = (tmp_path / "s" / "v.yml").read_text(encoding="ascii")
    assert content.startswith("$ANSIBLE_VAULT;")
    assert not any(value in content for value in renewed["values"].values())


def test_a_certificate_is_issued_once_and_again_when_its_names_change(tmp_path):
    authority = programme("ims_pki", "authority.py")
    assert authority.make_authority(tmp_path)
    assert not authority.make_authority(tmp_path)
    assert authority.issue(tmp_path, "one", ["DNS:one.example"])
    assert not authority.issue(tmp_path, "one", ["DNS:one.example"])
    assert authority.issue(tmp_path, "one", ["DNS:one.example", "IP:127.0.0.1"])
    assert authority.good(tmp_path / "one.crt")
