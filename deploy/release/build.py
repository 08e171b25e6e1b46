"""The steps of a release, in order. Nothing here knows about hosts."""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from release import contents, manifest, sbom, signature

REPOSITORY = Path(__file__).resolve().parents[2]


class ReleaseRefused(Exception):
    """The release cannot be built; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Build a release from the command line. Exit code 1: refused, with one sentence."""
    parser = argparse.ArgumentParser(prog="build-release", description="Build the archive hosts install from.")
    parser.add_argument("--ref", default="HEAD", help="the commit to build (default: HEAD)")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist", help="folder for the archive")
    parser.add_argument("--as-version", default="", help="build under another version, to rehearse an upgrade")
    named = os.environ.get("IMS_RELEASE_KEY")
    parser.add_argument(
        "--key",
        type=lambda text: Path(text).expanduser(),
        default=Path(named).expanduser() if named else None,
        help="SSH key to sign with (default: IMS_RELEASE_KEY)",
    )
    options = parser.parse_args(arguments)
    try:
        key = signature.key_of(options.key)
        archive = build(ref=options.ref, output=options.output, as_version=options.as_version)
        signature.sign(archive, key)
    except (ReleaseRefused, contents.PackagesMissing, signature.SigningRefused) as refusal:
        print(f"build-release: {refusal}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"build-release: {failure.cmd[0]} failed:\n{failure.stderr or ''}", file=sys.stderr)
        return 1
    print(archive)
    return 0


def build(*, ref: str, output: Path, as_version: str = "") -> Path:
    """Build the release of the commit `ref` into `output`; return the archive's path.

    Raises `ReleaseRefused` when the commit is unknown, and `subprocess.CalledProcessError` when a tool fails.
    """
    with tempfile.TemporaryDirectory(prefix="ims-release-") as scratch:
        sources, tree = Path(scratch) / "sources", Path(scratch) / "tree"
        commit = _export(ref, sources)
        version = _version(sources, as_version)
        (tree / "wheels").mkdir(parents=True)
        wheel = contents.application_wheel(sources, tree / "wheels")
        contents.dependencies(sources / "requirements" / "application.txt", tree / "wheels")
        contents.requirements(sources / "requirements" / "application.txt", wheel, version, tree / "requirements.txt")
        facts = contents.installed_facts(tree, Path(scratch))
        sbom.write(tree / "sbom.cdx.json", version=version, wheels=tree / "wheels")
        rules = tomllib.loads((sources / "deploy" / "release" / "versions.toml").read_text(encoding="utf-8"))
        manifest.write(tree, version=version, commit=commit, facts=facts, rules=rules)
        return _pack(tree, output, version)


def _export(ref: str, target: Path) -> str:
    """The committed sources at `ref`, unpacked; returns the commit's full name."""
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        raise ReleaseRefused(f"there is no commit called “{ref}” in this repository")
    commit = found.stdout.strip()
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    return commit


def _version(sources: Path, as_version: str) -> str:
    project = sources / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]
    if as_version:
        project.write_text(text.replace(f'version = "{version}"', f'version = "{as_version}"', 1), encoding="utf-8")
    return as_version or version


def _pack(tree: Path, output: Path, version: str) -> Path:
    """One archive, the same bytes for the same tree, written whole or not at all."""
    output.mkdir(parents=True, exist_ok=True)
    archive = output / f"ims-{version}.tar.gz"
    with (
        tempfile.NamedTemporaryFile(dir=output, suffix=".part", delete=False) as part,
        gzip.GzipFile(filename="", fileobj=part, mode="wb", mtime=0, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        # The manifest first: whoever wants to know what this is need not read on.
        for path in sorted(tree.rglob("*"), key=lambda path: (path.name != manifest.NAME, path)):
            if path.is_file():
                tar.add(path, arcname=f"ims-{version}/{path.relative_to(tree)}", filter=_anonymous)
    shutil.move(part.name, archive)
    archive.chmod(0o644)
    checksum = f"{manifest.sha256(archive)}  {archive.name}\n"
    Path(f"{archive}.sha256").write_text(checksum, encoding="ascii")
    return archive


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o644
    return member
