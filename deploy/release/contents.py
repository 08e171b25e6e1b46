"""What goes into a release: wheels, the hashed list of them, and static files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TARGET_PYTHONS = ("3.11", "3.13")
"""Debian 12's and Debian 13's own Python."""

PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")

INSPECT = """
import json, sys
import django
django.setup()
from django.db.migrations.loader import MigrationLoader
loader = MigrationLoader(None)
from ims.settings.environment import VARIABLES
json.dump({
    "migrations": sorted(f"{app}.{name}" for app, name in loader.disk_migrations),
    "variables": {name: {"secret": variable.secret} for name, variable in sorted(VARIABLES.items())},
}, sys.stdout)
"""


class PackagesMissing(Exception):
    """A package of the lock has no wheel for one of the target Pythons."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What only the installed application can say about itself."""

    migrations: list[str]
    variables: dict[str, dict[str, bool]]
    """Every environment variable it reads, and whether it is a secret."""


def application_wheel(sources: Path, wheels: Path) -> Path:
    """The application's own wheel, built from `sources` into `wheels`."""
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(sources)])
    return next(wheels.glob("ims-*.whl"))


def dependencies(lock: Path, wheels: Path) -> None:
    """Every wheel the lock names, for every target Python. Raises `PackagesMissing` when one does not exist.

    What one lock names never changes, so it is fetched once and kept; what was kept is compared with the lock's hashes.
    """
    kept = _kept(lock)
    if not kept.exists():
        _keep(lock, kept)
    named = lock.read_text(encoding="utf-8")
    for wheel in kept.glob("*.whl"):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in named:
            raise PackagesMissing(f"{wheel} is not what the lock names. Remove {kept} and build again.")
        shutil.copyfile(wheel, wheels / wheel.name)


def _kept(lock: Path) -> Path:
    """Where the wheels of exactly this lock are kept between builds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    wanted = lock.read_bytes() + repr((TARGET_PYTHONS, PLATFORMS)).encode()
    return cache / "ims-release" / hashlib.sha256(wanted).hexdigest()[:16]


def _keep(lock: Path, kept: Path) -> None:
    """Fetch what the lock names into `kept`: whole or not at all, whoever else is fetching the same."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=kept.parent, prefix="part-"))
    try:
        _download(lock, part)
        if not kept.exists():
            part.rename(kept)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _download(lock: Path, wheels: Path) -> None:
    for version in TARGET_PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
        for platform in PLATFORMS:
            command += ["--platform", platform]
        try:
            _run([*command, "--dest", str(wheels), "--requirement", str(lock)])
        except subprocess.CalledProcessError as failure:
            raise PackagesMissing(f"not every package has a wheel for Python {version}: {failure.stderr}") from failure


def requirements(lock: Path, wheel: Path, version: str, target: Path) -> None:
    """The lock with the application's own wheel added, hashed like the others."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    own = f"ims=={version} \\\n    --hash=sha256:{digest}\n"
    target.write_text(lock.read_text(encoding="utf-8").rstrip() + "\n" + own, encoding="utf-8")


def installed_facts(tree: Path, scratch: Path) -> Facts:
    """Install the release exactly as a host does, collect its static files into `tree`, and ask it for its facts."""
    environment = scratch / "venv"
    python = str(environment / "bin" / "python")
    _run([sys.executable, "-m", "venv", str(environment)])
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--require-hashes", "--no-compile"]
    _run([*install, "--find-links", str(tree / "wheels"), "--requirement", str(tree / "requirements.txt")])
    settings = _settings(tree)
    # -P: the installed application, not the sources of whoever builds.
    _run([python, "-P", "-m", "ims", "collectstatic", "--noinput", "--verbosity", "0"], settings)
    return Facts(**json.loads(_run([python, "-P", "-c", INSPECT], settings)))


def _settings(tree: Path) -> dict[str, str]:
    """Enough of an environment to start the production settings. Nothing connects to this database."""
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "ims.settings.production",
        "IMS_SECRET_KEY": "only-used-while-collecting-static-files",
        "IMS_DATABASE_URL": "postgres://nobody@localhost:1/none",
        "IMS_ALLOWED_HOSTS": "localhost",
        "IMS_DATA_DIRECTORY": str(tree),
    }


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
