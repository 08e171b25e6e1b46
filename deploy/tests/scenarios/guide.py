"""The installation guide, followed by somebody who knows nothing else: every command as written, in its order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.lab import ADDRESSES, NETWORK, REPOSITORY, Lab

GUIDE = REPOSITORY / "docs" / "architecture" / "deployment-install.md"
SERVER = "ims2"


def follows(lab: Lab) -> str:
    """Every command of the installation guide, as written, leads from an empty server to the first one-time link"""
    lab.hosts("renew", SERVER)
    home = lab.work / "stranger"
    shutil.rmtree(home, ignore_errors=True)
    clone = home / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    (home / ".ssh").mkdir(mode=0o700)
    _reach_the_lab(lab, home / "bin")
    commands = GUIDE.read_text(encoding="utf-8")
    before, after = commands.split("Edit the copy.")
    _type(before, home, clone)
    _edit(lab, home / "ims-inventory", clone, (home / ".ssh" / "ims-release.pub").read_text(encoding="ascii").strip())
    said = _type(after, home, clone)
    link = re.search(r"^https://income\.model\.example/\S+$", said, flags=re.M)
    assert link, said[-2000:]
    assert "0 failed" in said, said[-2000:]
    typed = len(_commands(before)) + len(_commands(after))
    return f"{typed} commands"


def _commands(text: str) -> list[str]:
    return re.findall(r"^ {4}(\S.*)$", text, flags=re.M)


def _type(text: str, home: Path, clone: Path) -> str:
    """Run the commands of a part of the guide in one shell; what they said. Raises `AssertionError` with it."""
    script = "set -euo pipefail\n" + "\n".join(_commands(text)).replace("SERVER", ADDRESSES[SERVER])
    environment = {**os.environ, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    # What is kept between builds may be kept here as well.
    environment.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    done = subprocess.run(
        ["bash", "-c", script], cwd=clone, env=environment, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-1500:]}"
    return done.stdout


def _edit(lab: Lab, inventory: Path, clone: Path, key: str) -> None:
    """What step 4 says to change, and what only a laboratory needs."""
    archive = next((clone / "dist").glob("ims-*.tar.gz"))
    changes = {
        "hosts.yml": {"192.0.2.10": ADDRESSES[SERVER], "ims1": SERVER},
        "group_vars/all/main.yml": {
            '"{{ inventory_dir }}/../../../../dist/ims-0.1.0.tar.gz"': json.dumps(str(archive)),
            "ims_release_signers: []": f"ims_release_signers: [{json.dumps(key)}]",
            '"192.0.2.0/24"': json.dumps(f"{NETWORK}.0/24"),
        },
    }
    for name, pairs in changes.items():
        text = (inventory / name).read_text(encoding="utf-8")
        for found, wanted in pairs.items():
            assert found in text, f"{name} no longer holds {found}"
            text = text.replace(found, wanted)
        (inventory / name).write_text(text, encoding="utf-8")
    with (inventory / "group_vars" / "all" / "main.yml").open("a", encoding="utf-8") as file:
        file.write("\nims_base_package_lists_fresh_seconds: 1000000000\n")


def _reach_the_lab(lab: Lab, folder: Path) -> None:
    """The lab's key instead of the person's own."""
    folder.mkdir()
    options = (
        f"-i {lab.work / 'lab' / 'id'} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    )
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n', encoding="ascii")
    program.chmod(0o755)


STEPS = [follows]
