"""The programmes a host trusts: what they refuse. They are run as they are, without a host."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pwd
import subprocess
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
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    public = (tmp_path / "key.pub").read_text(encoding="ascii")
    (tmp_path / "signers").write_text(f'ims-release namespaces="ims-release" {public}', encoding="ascii")
    monkeypatch.setattr(module, "SIGNERS", tmp_path / "signers")
    monkeypatch.setattr(module, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(module, "STATIC", tmp_path / "static")
    return module


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    """A release archive of those files, signed when the folder has a key."""
    path = folder / "ims-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    if (folder / "key").exists():
        sign(path, folder / "key")
    return path


def sign(path: Path, key: Path, namespace: str = "ims-release") -> None:
    Path(f"{path}.sig").unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", namespace, str(path)]
    subprocess.run(command, check=True, capture_output=True)


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


@pytest.mark.parametrize("fault", ["unsigned", "another key", "another purpose", "another archive"])
def test_an_archive_nobody_trusted_signed_is_refused_before_it_is_unpacked(
    installer, tmp_path, monkeypatch, capsys, fault
):
    path = archive(tmp_path, {"ims-1.0/a": b"a"})
    if fault == "unsigned":
        Path(f"{path}.sig").unlink()
    elif fault == "another key":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")], check=True)
        sign(path, tmp_path / "stranger")
    elif fault == "another purpose":
        sign(path, tmp_path / "key", namespace="git")
    else:
        before = Path(f"{path}.sig").read_bytes()
        archive(tmp_path, {"ims-1.0/a": b"b"})
        Path(f"{path}.sig").write_bytes(before)
    assert install(installer, path, installer.sha256(path), monkeypatch) == 1
    assert "was not signed by anybody" in capsys.readouterr().err
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
        "account 40012345 card 4111 1111 1111 1111 at 09:15:02 of 2026-11-26T05:39:48 ims-web@demo.service a@b.co.uk"
    )
    cleaned = redact(given)
    for gone in ("Zx9-secret", "abc", "jo.bloggs", "SW1A", "40012345", "4111", "a@b"):
        assert gone not in cleaned
    for kept in ("09:15:02", "2026-11-26T05:39:48", "ims-web@demo.service"):
        assert kept in cleaned
    assert "localhost:5441" in cleaned


def test_a_vault_keeps_what_it_has_and_renews_what_is_asked(tmp_path, monkeypatch, capsys):
    pytest.importorskip("ansible", reason="needs the kit's own environment: make test-deploy-static")
    vault = programme("ims_secrets", "vault.py")

    def run(*more: str) -> dict:
        monkeypatch.setattr(sys, "argv", ["vault.py", str(tmp_path / "s" / "v.yml"), str(tmp_path / "p" / "pw"), *more])
        assert vault.main() == 0
        return json.loads(capsys.readouterr().out)

    first, again, renewed = run(), run(), run("--renew", "secret_key")
    for group in ("further", "named"):
        assert first["values"].pop(group) == again["values"].pop(group) == renewed["values"].pop(group) == {}
    former = [ran["values"].pop("former_secret_keys") for ran in (first, again, renewed)]
    assert former == [[], [], [first["values"]["secret_key"]]]
    assert (first["changed"], again["changed"], renewed["changed"]) == (True, False, True)
    assert first["values"] == again["values"]
    assert {name for name in first["values"] if first["values"][name] != renewed["values"][name]} == {"secret_key"}
    add_to_the_vault(vault, tmp_path, {"IMS_EMAIL_URL": "smtp://x", "named": {"govuk-pay": "k"}})
    kept = run("--renew", "database_password")["values"]
    assert (kept["further"], kept["named"]) == ({"IMS_EMAIL_URL": "smtp://x"}, {"govuk-pay": "k"})
    assert run()["values"] == kept, "what people added was lost by renewing"
    assert run("--forget")["values"]["former_secret_keys"] == []
    add_to_the_vault(vault, tmp_path, {"password": "x"})
    with pytest.raises(SystemExit, match="“password”"):
        run()
    content = (tmp_path / "s" / "v.yml").read_text(encoding="ascii")
    assert content.startswith("$ANSIBLE_VAULT;")
    assert not any(value in content for value in renewed["values"].values())


def add_to_the_vault(vault: ModuleType, folder: Path, more: dict[str, object]) -> None:
    """What a person does with ansible-vault edit."""
    path, key = folder / "s" / "v.yml", vault.password(folder / "p" / "pw", may_make=False)
    vault.write(path, key, vault.read(path, key) | more)


def test_a_certificate_is_issued_once_and_again_when_its_names_change(tmp_path):
    authority = programme("ims_pki", "authority.py")
    assert authority.make_authority(tmp_path)
    assert not authority.make_authority(tmp_path)
    assert authority.issue(tmp_path, "one", ["DNS:one.example"])
    assert not authority.issue(tmp_path, "one", ["DNS:one.example"])
    assert authority.issue(tmp_path, "one", ["DNS:one.example", "IP:127.0.0.1"])
    assert authority.good(tmp_path / "one.crt")


def look(release: ModuleType, path: Path, monkeypatch, *, signers: list[str], settings: dict[str, str]) -> int:
    asked = {"archive": str(path), "signers": signers, "councils": [{"code": "demo", "settings": settings}]}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))
    return release.main()


VARIABLES = {"IMS_LOG_LEVEL": {"secret": False}, "IMS_EMAIL_URL": {"secret": True}}


@pytest.mark.parametrize(
    ("fault", "settings", "sentence"),
    [
        ("", {"IMS_LOG_LEVEL": "DEBUG"}, ""),
        ("damaged", {}, "damaged or altered"),
        ("nobody trusted", {}, "names nobody"),
        ("a stranger", {}, "was not signed by anybody"),
        ("no signature", {}, "ims-1.0.tar.gz.sig is not there"),
        ("", {"IMS_LOGLEVEL": "DEBUG"}, "knows no setting IMS_LOGLEVEL"),
        ("", {"IMS_EMAIL_URL": "smtp://x"}, "is a secret and may not stand in the council's file"),
    ],
)
def test_the_look_at_a_release_before_any_host_hears_of_it(
    installer, tmp_path, monkeypatch, capsys, fault, settings, sentence
):
    release = programme("ims_preflight", "release.py")
    facts = json.dumps({"version": "1.0", "variables": VARIABLES}).encode()
    path = archive(tmp_path, {"ims-1.0/manifest.json": facts})
    checksum = "0" * 64 if fault == "damaged" else installer.sha256(path)
    Path(f"{path}.sha256").write_text(f"{checksum}  {path.name}\n", encoding="ascii")
    signers = [(tmp_path / "key.pub").read_text(encoding="ascii")]
    if fault == "nobody trusted":
        signers = []
    elif fault == "a stranger":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")], check=True)
        sign(path, tmp_path / "stranger")
    elif fault == "no signature":
        Path(f"{path}.sig").unlink()
    assert look(release, path, monkeypatch, signers=signers, settings=settings) == (1 if sentence else 0)
    assert sentence in capsys.readouterr().err


def test_secrets_are_written_once_and_those_no_longer_wanted_go(tmp_path, monkeypatch, capsys):
    writer = programme("ims_council", "ims-write-secrets")
    monkeypatch.setattr(writer, "COUNCILS", tmp_path / "councils")
    monkeypatch.setattr(writer, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(writer, "RUNNING", str(tmp_path / "councils" / "{}" / "release"))
    (tmp_path / "councils" / "demo").mkdir(parents=True)
    (tmp_path / "releases" / "1.0").mkdir(parents=True)
    (tmp_path / "releases" / "1.0" / "manifest.json").write_text(json.dumps({"variables": VARIABLES}), encoding="utf-8")

    def write(**secrets: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ims-write-secrets", "demo", "1.0"])
        asked = {"secrets": secrets, "owner": {}, "named": {"govuk-pay": "k"}, "environment": ""}
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))
        code = writer.main()
        said = capsys.readouterr()
        return code, said.out + said.err

    folder = tmp_path / "councils" / "demo" / "secrets"
    assert write(IMS_EMAIL_URL="smtp://x") == (0, '{"changed": true}\n')
    assert write(IMS_EMAIL_URL="smtp://x") == (0, '{"changed": false}\n')
    assert [(path.name, path.stat().st_mode & 0o777) for path in folder.iterdir()] == [("EMAIL_URL", 0o600)]
    code, said = write(IMS_E_MAIL="smtp://x")
    assert code == 1
    assert "knows no secret called IMS_E_MAIL" in said
    assert write() == (0, '{"changed": true}\n')
    assert not list(folder.iterdir())
    assert (folder.parent / "named" / "govuk-pay").read_text(encoding="utf-8") == "k"


def test_a_provided_certificate_is_looked_at_before_it_is_used(tmp_path):
    certificates, authority = programme("ims_preflight", "certificates.py"), programme("ims_pki", "authority.py")
    assert "is not there" in certificates.wrong(tmp_path / "one", "one.example")
    authority.make_authority(tmp_path)
    for name in ("one", "two"):
        authority.issue(tmp_path, name, [f"DNS:{name}.example"])
    assert certificates.wrong(tmp_path / "one", "one.example") == ""
    assert "is not for other.example" in certificates.wrong(tmp_path / "one", "other.example")
    (tmp_path / "two.key").rename(tmp_path / "one.key")
    assert "is not the key of" in certificates.wrong(tmp_path / "one", "one.example")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=old.example", "-addext", "subjectAltName=DNS:old.example"]
    files = ["-keyout", str(tmp_path / "old.key"), "-out", str(tmp_path / "old.crt")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    assert "has run out" in certificates.wrong(tmp_path / "old", "old.example")


@pytest.fixture
def placing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call ims-place-files with a list; its exit code, and what it said."""
    programme_ = programme("ims_base", "ims-place-files")
    me = {"owner": pwd.getpwuid(os.getuid()).pw_name}

    def place(*items: dict, options: tuple[str, ...] = ()) -> tuple[int, dict, str]:
        monkeypatch.setattr(sys, "argv", ["ims-place-files", *options])
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps([me | item for item in items])))
        code = programme_.main()
        said = capsys.readouterr()
        return code, json.loads(said.out or "{}"), said.err

    return place


def test_files_are_placed_once_and_put_right_when_they_drift(placing, tmp_path):
    wanted = [
        {"path": str(tmp_path / "folder" / "within"), "mode": "0750"},
        {"path": str(tmp_path / "folder" / "within" / "file"), "content": "one\n", "mode": "0640"},
    ]
    code, said, _ = placing(*wanted)
    file = tmp_path / "folder" / "within" / "file"
    assert (code, len(said["changed"])) == (0, 2)
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == ("one\n", 0o640)
    assert placing(*wanted)[1]["changed"] == []
    file.chmod(0o666)
    assert placing(*wanted)[1]["changed"] == [str(file)]
    assert file.stat().st_mode & 0o777 == 0o640
    file.write_text("two\n", encoding="utf-8")
    code, said, _ = placing(*wanted, options=("--check", "--diff"))
    assert said["changed"] == [str(file)]
    assert "+one" in said["differences"]
    assert file.read_text(encoding="utf-8") == "two\n", "check mode wrote"


def test_a_file_that_is_kept_or_secret_or_unwanted(placing, tmp_path):
    kept, secret, unwanted = (tmp_path / name for name in ("kept", "secret", "unwanted"))
    kept.write_text("signed elsewhere", encoding="utf-8")
    unwanted.write_text("x", encoding="utf-8")
    items = [
        {"path": str(kept), "content": "ours", "keep": True},
        {"path": str(secret), "content": "hunter2", "secret": True},
        {"path": str(unwanted), "absent": True},
    ]
    _, said, _ = placing(*items, options=("--diff",))
    assert said["changed"] == [str(secret), str(unwanted)]
    assert "hunter2" not in json.dumps(said)
    assert kept.read_text(encoding="utf-8") == "signed elsewhere"
    assert not unwanted.exists()


def test_what_its_validator_refuses_does_not_take_the_place(placing, tmp_path):
    file = tmp_path / "file"
    file.write_text("good", encoding="utf-8")
    code, _, said = placing({"path": str(file), "content": "bad", "validate": "grep -q good %s"})
    assert code == 1
    assert str(file) in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text(encoding="utf-8") == "good"
    code, _, said = placing({"path": str(file), "content": "x", "owner": "nobody-of-this-name"})
    assert code == 1
    assert "no user or group" in said


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(placing, tmp_path):
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("theirs", encoding="utf-8")
    link.symlink_to(elsewhere)
    placing({"path": str(link), "content": "ours"})
    assert not link.is_symlink()
    assert elsewhere.read_text(encoding="utf-8") == "theirs"
