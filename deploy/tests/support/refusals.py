"""Inventories that must be refused, and the sentence that must be said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Refusal:
    """How an inventory is spoilt, and part of the sentence the operator must read."""

    council: dict[str, object]
    settings: dict[str, object]
    sentence: str
    second: dict[str, object] | None = None


def spoil(inventory: Path, refusal: Refusal) -> None:
    """Write the fault into a copy of a good inventory."""
    _edit(inventory / "group_vars" / "all" / "main.yml", lambda facts: facts | refusal.settings)
    council = inventory / "councils" / "demo.yml"
    facts = {
        name: json.loads(value)
        for name, value in (line.split(": ", 1) for line in council.read_text(encoding="utf-8").splitlines()[1:])
    }
    _write(council, facts | refusal.council)
    if refusal.second:
        _write(inventory / "councils" / "other.yml", facts | {"code": "other"} | refusal.second)


def _edit(path: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def _write(path: Path, facts: dict[str, object]) -> None:
    path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in facts.items()), encoding="utf-8")


REFUSALS = {
    "code with a hyphen": Refusal({"code": "north-east"}, {}, "cannot be used. Use 2 to 16 small letters"),
    "two councils on one port": Refusal(
        {}, {}, "Two councils have the same database_port", second={"hostname": "income.other.example"}
    ),
    "two councils at one address": Refusal(
        {}, {}, "Two councils have the same hostname", second={"database_port": 5499}
    ),
    "an address with https://": Refusal(
        {"public_hostname": "https://pay.demo.example"}, {}, "is not the name of a host. Write it in small letters"
    ),
    "a port nobody may use": Refusal({"database_port": 80}, {}, "is not between 1024 and 65535"),
    "SSH open to the world": Refusal(
        {},
        {"ims_firewall_administration_networks": ["0.0.0.0/0"]},
        "must name the networks your administrators work from",
    ),
    "no release": Refusal(
        {}, {"ims_release_archive": "/nowhere/ims-9.9.9.tar.gz"}, "Build a release with deploy/build-release"
    ),
    "nobody trusted to build releases": Refusal({}, {"ims_release_signers": []}, "names nobody, so no release can be"),
    "a release somebody else signed": Refusal(
        {},
        {"ims_release_signers": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAmQTjv6Kr5+jD8mJYF4sn7BUbwpXqC8C7xgNIdZ5x9V"]},
        "was not signed by anybody in ims_release_signers",
    ),
    "a setting the application does not know": Refusal(
        {"settings": {"IMS_COUNCIL": "x"}}, {}, "knows no setting IMS_COUNCIL"
    ),
    "a secret in the open": Refusal({"settings": {"IMS_SECRET_KEY": "x"}}, {}, "is a secret and may not stand in"),
    "a provided certificate that is not there": Refusal({"certificate": "provided"}, {}, "demo.crt is not there"),
    "the address for payers is the staff's": Refusal(
        {"public_hostname": "income.demo.example"}, {}, "A public_hostname is the address of another council"
    ),
    "an unknown state": Refusal({"state": "closed"}, {}, "value of state must be one of"),
    "a mistyped setting": Refusal({"hostnam": "x"}, {}, "hostnam"),
}
