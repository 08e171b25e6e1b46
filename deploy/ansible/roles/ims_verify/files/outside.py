"""Check an installation from outside and report what is well and what is not.

    outside.py REPORT_DIRECTORY        reads what to check, as JSON, on its standard input

Writes verify.json and verify.txt and prints the text. Exit code 1: at least one check failed.
"""

from __future__ import annotations

import datetime
import http.client
import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HEADERS = {
    "strict-transport-security": "max-age=",
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}


INSIDE = ("/account/sign-in/", "/receipts/", "/admin/", "/readyz")
"""What must not be had at an address for payers."""


@dataclass(frozen=True)
class Check:
    """One thing looked at. `runbook` names the page of docs/support-model/runbooks/alerts for when it fails."""

    subject: str
    what: str
    well: bool
    found: str
    runbook: str


def main() -> int:
    asked = json.load(sys.stdin)
    checks = [check for part in (councils, ports, hosts) for check in part(asked)]
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    failed = [check for check in checks if not check.well]
    facts = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "well": not failed,
        "checks": [asdict(check) for check in checks],
    }
    (directory / "verify.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    text = "\n".join(line(check) for check in checks)
    text += f"\n{len(checks)} checks, {len(failed)} failed."
    (directory / "verify.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if failed else 0


def line(check: Check) -> str:
    """One check as a person reads it."""
    outcome = "well  " if check.well else "FAILED"
    where = "" if check.well else f"  See docs/support-model/runbooks/alerts/{check.runbook}.md"
    return f"{outcome}  {check.subject}: {check.what}: {check.found}.{where}"


def councils(asked: dict[str, Any]) -> Iterator[Check]:
    """What each council's address answers."""
    for council in asked["councils"]:
        if council["state"] == "present":
            yield from answering(asked, council)
        elif council["state"] == "suspended":
            yield closed(asked, council)


def answering(asked: dict[str, Any], council: dict[str, Any]) -> Iterator[Check]:
    code = council["code"]
    try:
        status, headers, seconds, days = fetch(asked, council, asked["health_path"])
    except (OSError, http.client.HTTPException) as error:
        yield Check(code, "answers", False, f"{type(error).__name__}: {error}", "site-down")
        return
    yield Check(code, "answers", status == 200, f"status {status} in {seconds:.2f} s", "site-down")
    limit = asked["certificate_days"]
    yield Check(code, "certificate", days >= limit, f"{days} days left", "certificate-expiring")
    missing = [name for name, part in HEADERS.items() if part not in headers.get(name, "")]
    found = "missing " + ", ".join(missing) if missing else "all there"
    yield Check(code, "security headers", not missing, found, "security-headers-missing")
    if council["public_hostname"]:
        yield from open_to_payers(asked, council)


def open_to_payers(asked: dict[str, Any], council: dict[str, Any]) -> Iterator[Check]:
    """What the address for payers answers: the payment pages, and nothing that staff work with."""
    code, hostname = council["code"], council["public_hostname"]
    try:
        status = fetch(asked, council, "/pay/", hostname)[0]
        inner = {path: fetch(asked, council, path, hostname)[0] for path in INSIDE}
    except (OSError, http.client.HTTPException) as error:
        yield Check(code, "payment pages", False, f"{type(error).__name__}: {error}", "site-down")
        return
    yield Check(code, "payment pages", status == 200, f"status {status} at {hostname}", "site-down")
    strays = [path for path, found in inner.items() if found != 404]
    found = f"{', '.join(strays)} at {hostname}" if strays else "nothing else answers there"
    yield Check(code, "address for payers", not strays, found, "port-open")


def closed(asked: dict[str, Any], council: dict[str, Any]) -> Check:
    try:
        status = fetch(asked, council, "/")[0]
    except (OSError, http.client.HTTPException) as error:
        return Check(council["code"], "is closed", False, f"{type(error).__name__}: {error}", "site-down")
    return Check(council["code"], "is closed", status == 503, f"status {status}", "site-down")


def fetch(
    asked: dict[str, Any], council: dict[str, Any], path: str, hostname: str = ""
) -> tuple[int, dict[str, str], float, int]:
    """Status, headers, seconds taken and the days the certificate has left, for `path` at the council's address."""
    hostname = hostname or council["hostname"]
    context = ssl.create_default_context()
    ours = [asked["authority"]] if council["certificate"] == "internal" else []
    for authority in ours + asked["authorities"]:
        context.load_verify_locations(authority)
    started = time.monotonic()
    raw = socket.create_connection((asked["web"], 443), timeout=15)
    secure = context.wrap_socket(raw, server_hostname=hostname)
    expires = ssl.cert_time_to_seconds(secure.getpeercert()["notAfter"])
    connection = http.client.HTTPConnection(hostname, timeout=15)
    connection.sock = secure
    connection.request("GET", path, headers={"Host": hostname, "Connection": "close"})
    answer = connection.getresponse()
    answer.read()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, headers, time.monotonic() - started, int((expires - time.time()) // 86400)


def ports(asked: dict[str, Any]) -> Iterator[Check]:
    """Which ports answer, against those that may."""
    for (host, address), text in zip(asked["addresses"].items(), asked["measured"], strict=True):
        # Those that are often left open, and those on which the host itself says that something listens.
        tried = sorted({*asked["probed_ports"], *(json.loads(text)["listening_ports"] if text else [])})
        # A port that is dropped keeps silent until the time is up: all at once, not one after the other.
        with ThreadPoolExecutor(max_workers=len(tried)) as pool:
            answers = pool.map(lambda port, address=address: open_port(address, port), tried)
        answering = {port for port, answered in zip(tried, answers, strict=True) if answered}
        stray = sorted(answering - set(asked["open_ports"]))
        found = "only declared ones" if not stray else f"open but not declared: {stray}"
        yield Check(host, "ports", not stray, found, "port-open")


def open_port(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def hosts(asked: dict[str, Any]) -> Iterator[Check]:
    """What the hosts measured about themselves and their councils."""
    for host, text in zip(asked["hosts"], asked["measured"], strict=True):
        if not text:
            yield Check(host, "measures itself", False, "ims-measure gave nothing", "measurements-missing")
            continue
        measured = json.loads(text)
        units = measured["failed_units"]
        yield Check(host, "services", not units, ", ".join(units) or "none failed", "service-failed")
        yield Check(host, "disk", measured["disk_free"] >= 0.15, f"{measured['disk_free']:.0%} free", "disk-filling")
        for code in sorted({one["code"] for one in asked["councils"]} & set(measured["councils"])):
            yield from council_measured(asked, code, measured["councils"][code])


def council_measured(asked: dict[str, Any], code: str, council: dict[str, Any]) -> Iterator[Check]:
    age = council["backup_age_seconds"]
    found = "never" if age is None else f"{age / 3600:.1f} hours ago"
    yield Check(code, "backup", age is not None and age < asked["backup_hours"] * 3600, found, "backup-late")
    if council["state"] != "present":
        return
    found = "running" if council["worker_up"] else "not running"
    yield Check(code, "background worker", bool(council["worker_up"]), found, "worker-down")
    queue = council["oldest_waiting_job_seconds"]
    found = "cannot be read" if queue is None else f"oldest job has waited {queue:.0f} s"
    yield Check(code, "background work", queue is not None and queue < 900, found, "queue-not-moving")


if __name__ == "__main__":
    sys.exit(main())
