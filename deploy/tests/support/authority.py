"""Certificate authorities that are not the installation's: one that speaks ACME, and a council's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.lab import ADDRESS, ANSIBLE, Lab

DIRECTORY = "https://acme1:14000/dir"
ISSUE = ANSIBLE / "roles" / "ims_pki" / "files" / "authority.py"


def start_acme(lab: Lab, *hostnames: str) -> Path:
    """Run Pebble on the host acme1, where the names lead to ims1; return the file with its root certificate."""
    _issue(lab.inventory / "pki", "acme1", "DNS:acme1")
    for kind in ("crt", "key"):
        lab.pipe(f"cat > /root/acme1.{kind}", (lab.inventory / "pki" / f"acme1.{kind}").read_bytes(), host="acme1")
    lab.ssh(f"echo {ADDRESS} {' '.join(hostnames)} >> /etc/hosts", host="acme1")
    facts = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/root/acme1.crt",
        "privateKey": "/root/acme1.key",
        "httpPort": 80,
        "tlsPort": 443,
    }
    lab.pipe("cat > /root/pebble.json", json.dumps({"pebble": facts}).encode(), host="acme1")
    offline = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-download"
    lab.ssh(f"{offline} pebble curl", host="acme1")
    lab.ssh(
        "systemctl --quiet is-active pebble ||"
        " systemd-run --quiet --unit pebble -E PEBBLE_VA_NOSLEEP=1 pebble -config /root/pebble.json;"
        " curl --silent --insecure --retry 20 --retry-connrefused --retry-delay 1 -o /root/root.crt"
        " https://localhost:15000/roots/0",
        host="acme1",
    )
    root = lab.work / "acme-root.crt"
    root.write_bytes(lab.pipe("cat /root/root.crt", host="acme1"))
    return root


def provide(lab: Lab, code: str, hostname: str) -> Path:
    """A certificate of the council's own authority, where the kit looks for it; return that authority's certificate."""
    own = lab.work / f"authority-of-{code}"
    _issue(own, hostname, f"DNS:{hostname}")
    folder = lab.inventory / "certificates"
    folder.mkdir(exist_ok=True)
    for kind in ("crt", "key"):
        (folder / f"{code}.{kind}").write_bytes((own / f"{hostname}.{kind}").read_bytes())
    return own / "authority.crt"


def _issue(folder: Path, *names: str) -> None:
    subprocess.run([sys.executable, str(ISSUE), str(folder), *names], check=True, capture_output=True)
