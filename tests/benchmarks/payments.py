"""Card payments through the real web stack: gunicorn, HTTP, PostgreSQL, the practice provider.

    .venv/bin/python tests/benchmarks/payments.py [--seconds 60] [--rate 10] [--burst-seconds 10] [--burst-rate 25]

Starts a throw-away council (embedded PostgreSQL, two gunicorn workers), signs officers in, and starts payments at a fixed
rate whatever the answers take (an open loop: a slow server meets a queue, not a pause). Then every payer pays on the
provider's side, half of them come back, and the poller finishes the rest.

What is counted is what a client sees: from the moment a payment was due, through connecting and waiting behind others, to
the last byte of the page that leads to the card page. The practice provider answers within the web process in about a
millisecond, so all of it is our own share. Beside it stands the processor time a payment, of the web server and of this
generator: both, and PostgreSQL, share the machine's cores. Then it counts: none lost, none doubled, the money the same on
both sides. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

P95_BAR = 0.150
OFFICERS = 8
GUNICORN = [sys.executable, "-m", "gunicorn", "ims.settings.wsgi", "--workers", "2", "--log-level", "error"]
TAKE = "/payments/take/"
STEP = re.compile(rb'href="(/practice-card/[^"]+)"')


def prepare(folder: Path) -> None:
    os.environ |= {
        "IMS_DATA_DIRECTORY": str(folder),
        "DJANGO_SETTINGS_MODULE": "ims.settings.development",
        "IMS_SECRET_KEY": "benchmark",
        "IMS_LOG_LEVEL": "ERROR",
    }
    os.environ.pop("IMS_DATABASE_URL", None)
    subprocess.run(
        [sys.executable, "-m", "ims", "migrate", "--verbosity", "0"],
        env={**os.environ, "IMS_CONNECT_AS": "owner"},
        check=True,
    )
    import django

    django.setup()
    from django.contrib.auth.models import Group

    from ims.accounts.models import AccountHolder
    from ims.audit.actors import acting, command
    from ims.people.models import User
    from tests.payments.conftest import build_desk
    from tests.support import world

    small = world.build()
    build_desk(small)
    with acting(command("benchmark"), "Benchmark"):
        AccountHolder.objects.bulk_create(
            AccountHolder(fund_id="5", reference=f"9{number:010d}", name=f"Payer {number}", surname="Payer")
            for number in range(1, 3001)
        )
        for number in range(OFFICERS):
            user = User.objects.create_user(username=f"officer{number}")
            user.groups.add(Group.objects.get(name="Income officer"))


def signed_in(number: int) -> tuple[str, str]:
    """The session cookie of an officer, as if they had signed in."""
    from django.conf import settings
    from django.test import Client

    from ims.people.models import User

    client = Client()
    client.force_login(User.objects.get(username=f"officer{number}"))
    return settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value


class Officer:
    """One officer's browser, as cheap as can be: it shares the two cores with what is measured."""

    def __init__(self, port: int, number: int) -> None:
        self.port = port
        # Signed in already: what is measured is payments, not passwords.
        self.cookie = "=".join(signed_in(number))
        page, cookies = self._ask("GET", f"{TAKE}")
        self.cookie += "".join(f"; {each.partition(';')[0]}" for each in cookies)
        self.token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.decode()).group(1)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[bytes, list[str]]:
        """One request on a connection of its own, as the web server in front of gunicorn makes it, to its last byte."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in (200, 302), f"{answer.status}: {text[:2000]!r}"
        return text, answer.headers.get_all("Set-Cookie") or []

    def create(self, reference: str, pence: int) -> str:
        """Start one payment; where its card page is."""
        data = {
            "csrfmiddlewaretoken": self.token,
            "line-TOTAL_FORMS": "1",
            "line-INITIAL_FORMS": "0",
            "line-0-fund": "5",
            "line-0-account_reference": reference,
            "line-0-amount": f"{pence / 100:.2f}",
            "channel": "telephone",
            "payer_name": f"Payer {reference}",
            "step": "go",
        }
        text, _ = self._ask("POST", TAKE, urlencode(data))
        found = STEP.search(text)
        assert found, text[:2000]
        return found.group(1).decode()

    def come_back(self, address: str) -> None:
        """Open the page the payer is sent back to, which asks the provider and posts the receipt."""
        self._ask("GET", urlsplit(address).path)


def processor_seconds(server: int) -> float:
    """Processor time the web server's processes have taken so far."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = process.read_text().rpartition(")")[2].split()
            if int(fields[1]) == server or process.parent.name == str(server):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(server: int, officers: list[Officer], rate: int, seconds: int, first: int) -> Phase:
    """`rate` payments a second for `seconds`, each due at its own moment and measured from then."""
    phase = Phase(rate * seconds)
    lock = threading.Lock()

    def one(number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            step = officers[number % len(officers)].create(f"9{first + number:010d}", 1000 + number)
        except Exception as error:
            with lock:
                phase.failures.append(error)
            return
        took = time.perf_counter() - due
        with lock:
            phase.taken.append(took)
            phase.steps.append(step)

    ours, theirs = time.process_time(), processor_seconds(server)
    begun = time.perf_counter() + 0.5
    with ThreadPoolExecutor(max_workers=len(officers) * 4) as pool:
        for number in range(phase.asked):
            pool.submit(one, number, begun + number / rate)
    phase.ours = (time.process_time() - ours) / phase.asked
    phase.theirs = (processor_seconds(server) - theirs) / phase.asked
    if phase.failures:
        print(f"{len(phase.failures)} of {phase.asked} failed, the first: {phase.failures[0]}")
    return phase


@dataclass
class Phase:
    """What one load came to: seconds taken, card pages, failures; processor seconds a payment, ours and the server's."""

    asked: int
    taken: list[float] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    ours: float = 0.0
    theirs: float = 0.0


def pay(officers: list[Officer], steps: list[str]) -> list[float]:
    """Every payer pays, on the provider's side; every second one comes back. How long the return page took."""
    from ims.payments.gateways import STUB_PAGE, practice_books
    from ims.providers import stub

    taken = []
    for number, step in enumerate(steps):
        back = stub.choose(practice_books(), step.removeprefix(STUB_PAGE), "pay")
        if number % 2:
            begun = time.perf_counter()
            officers[number % len(officers)].come_back(back)
            taken.append(time.perf_counter() - begun)
    return taken


def finish() -> None:
    """The poller takes up whoever did not come back."""
    from ims.common import clock
    from ims.payments.following import read_again_what_is_due
    from ims.payments.models import Watch

    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    read_again_what_is_due(most=100_000, per_second=10_000)


def count(expected: int) -> dict[str, int]:
    from ims.ledger.models import Posting
    from ims.payments.gateways import provider_for
    from ims.payments.models import PaymentAttempt, PaymentService
    from ims.providers.card import Search, Status

    there = list(provider_for(PaymentService.objects.get()).search(Search()))
    counted = {
        "asked for": expected,
        "at the provider": len({payment.payment_id for payment in there}),
        "attempts here": PaymentAttempt.objects.count(),
        "paid at the provider": sum(payment.status is Status.SUCCESS for payment in there),
        "paid here": PaymentAttempt.objects.filter(state="paid").count(),
        "receipts": Posting.objects.filter(source_kind="card_payment").count(),
    }
    taken = sum(payment.amount for payment in there if payment.status is Status.SUCCESS)
    posted = sum(posting.total for posting in Posting.objects.filter(source_kind="card_payment"))
    assert posted * 100 == taken, f"£{posted} posted, {taken} pence taken"
    assert len({payment.reference for payment in there}) == len(there), "one attempt, two payments at the provider"
    return counted


def report(name: str, taken: list[float], *, bar: bool = True) -> bool:
    ordered = sorted(taken)
    p95 = ordered[int(len(ordered) * 0.95) - 1]
    verdict = f"{p95 / P95_BAR:.2f} of the bar" if bar else ""
    print(
        f"{name:34} {len(taken):5}  median {statistics.median(taken) * 1000:6.0f} ms   p95 {p95 * 1000:6.0f} ms   "
        f"max {ordered[-1] * 1000:6.0f} ms   {verdict}"
    )
    return not bar or p95 <= P95_BAR


def main() -> int:
    parser = argparse.ArgumentParser()
    for name, default in (("seconds", 60), ("rate", 10), ("burst-seconds", 10), ("burst-rate", 25), ("port", 8431)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ims-payments-") as folder:
        prepare(Path(folder))
        base = f"http://127.0.0.1:{wanted.port}"
        server = subprocess.Popen([*GUNICORN, "--bind", base.removeprefix("http://")])
        try:
            _until_ready(base)
            officers = [Officer(wanted.port, number) for number in range(OFFICERS)]
            warm = load(server.pid, officers, 2, 3, 1)  # imports and caches
            steady = load(server.pid, officers, wanted.rate, wanted.seconds, 101)
            burst = load(server.pid, officers, wanted.burst_rate, wanted.burst_seconds, 1501)
            kept = report(f"create, {wanted.rate}/s for {wanted.seconds} s", steady.taken)
            kept &= report(f"create, {wanted.burst_rate}/s for {wanted.burst_seconds} s", burst.taken)
            for name, phase in (("steady", steady), ("burst", burst)):
                print(
                    f"processor time a payment, {name:8} {phase.theirs * 1000:5.1f} ms web server   "
                    f"{phase.ours * 1000:5.1f} ms generator"
                )
            # The first few were only for warming up; they stay unpaid.
            paid = [*steady.steps, *burst.steps]
            kept &= report("return page, paid and posted", pay(officers, paid))
        finally:
            server.terminate()
            server.wait(15)
        finish()
        counted = count(warm.asked + steady.asked + burst.asked)
        print("   ".join(f"{name} {number}" for name, number in counted.items()))
        whole = counted["asked for"] == counted["at the provider"] == counted["attempts here"]
        whole &= counted["paid at the provider"] == counted["paid here"] == counted["receipts"] == len(paid)
        whole &= len(paid) == steady.asked + burst.asked
        print("none lost, none doubled" if whole else "LOST OR DOUBLED")
        from ims.settings import embedded_postgres

        embedded_postgres.stop(Path(folder) / "postgres")
    return 0 if kept and whole else 1


def _until_ready(base: str) -> None:
    import requests

    for _ in range(200):
        try:
            if requests.get(f"{base}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(main())
