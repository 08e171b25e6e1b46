"""Card payments through the real web stack: gunicorn, HTTP, PostgreSQL, the practice provider.

    .venv/bin/python tests/benchmarks/payments.py [--seconds 60] [--rate 10] [--burst-seconds 10] [--burst-rate 25]

Starts a throw-away council (embedded PostgreSQL, two gunicorn workers), signs officers in, and starts payments at a fixed
rate whatever the answers take (an open loop: a slow server meets a queue, not a pause). Then every payer pays, half of them
come back, and the poller finishes the rest. Prints the share of our own in each answer, and counts: none lost, none doubled.
Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

P95_BAR = 0.150
OFFICERS = 8
GUNICORN = [sys.executable, "-m", "gunicorn", "ims.settings.wsgi", "--workers", "2", "--log-level", "error"]
STEP = re.compile(r'href="(/practice-card/[^"]+)"')


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
    """One officer's browser. One request at a time, like a person."""

    def __init__(self, base: str, number: int) -> None:
        import requests

        self.base, self.lock, self.session = base, threading.Lock(), requests.Session()
        self.session.trust_env = False
        # Signed in already: what is measured is payments, not passwords.
        self.session.cookies.set(*signed_in(number))
        self.session.headers["Referer"] = base
        self.token = _token(self.session.get(f"{base}/payments/take/", timeout=30).text)

    def create(self, reference: str, pence: int) -> tuple[float, str]:
        """Start one payment; how long the answer took, and where the card page is."""
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
        begun = time.perf_counter()
        answer = self.session.post(f"{self.base}/payments/take/", data=data, timeout=60)
        took = time.perf_counter() - begun
        found = STEP.search(answer.text)
        assert found, f"{answer.status_code}: {answer.text[:2000]}"
        return took, found.group(1)


def _token(text: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text).group(1)


def load(officers: list[Officer], rate: int, seconds: int, first: int) -> tuple[list[float], list[str]]:
    """`rate` payments a second for `seconds`, each at its own moment."""
    taken, steps, failures = [], [], []
    lock = threading.Lock()

    def one(number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            took, step = officers[number % len(officers)].create(f"9{first + number:010d}", 1000 + number)
        except Exception as error:
            with lock:
                failures.append(error)
            return
        with lock:
            taken.append(took)
            steps.append(step)

    begun = time.perf_counter() + 0.5
    with ThreadPoolExecutor(max_workers=len(officers) * 4) as pool:
        for number in range(rate * seconds):
            pool.submit(one, number, begun + number / rate)
    assert not failures, f"{len(failures)} of {rate * seconds} failed, the first: {failures[0]}"
    return taken, steps


def pay(base: str, officers: list[Officer], steps: list[str]) -> list[float]:
    """Every payer pays; every second one comes back. How long the return page took."""
    import requests

    taken = []
    for number, step in enumerate(steps):
        session = requests.Session()
        session.trust_env = False
        page = session.get(base + step, timeout=30)
        session.headers["Referer"] = base
        answer = session.post(
            base + step,
            data={"outcome": "pay", "csrfmiddlewaretoken": _token(page.text)},
            timeout=30,
            allow_redirects=False,
        )
        assert answer.status_code == 302, answer.status_code
        if number % 2:
            begun = time.perf_counter()
            back = officers[number % len(officers)].session.get(
                answer.headers["Location"], timeout=30, allow_redirects=False
            )
            taken.append(time.perf_counter() - begun)
            assert back.status_code == 302, back.status_code
    return taken


def finish() -> None:
    """The poller takes up whoever did not come back."""
    from ims.common import clock
    from ims.payments.dealings import read_again_what_is_due
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
        "at the provider": len(there),
        "paid at the provider": sum(payment.status is Status.SUCCESS for payment in there),
        "paid here": PaymentAttempt.objects.filter(state="paid").count(),
        "receipts": Posting.objects.filter(source_kind="card_payment").count(),
    }
    taken = sum(payment.amount for payment in there if payment.status is Status.SUCCESS)
    posted = sum(posting.total for posting in Posting.objects.filter(source_kind="card_payment"))
    assert posted * 100 == taken, f"£{posted} posted, {taken} pence taken"
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
            officers = [Officer(base, number) for number in range(OFFICERS)]
            load(officers, 2, 3, 1)  # imports and caches
            steady, steps = load(officers, wanted.rate, wanted.seconds, 101)
            burst, more = load(officers, wanted.burst_rate, wanted.burst_seconds, 1501)
            kept = report(f"create, {wanted.rate}/s for {wanted.seconds} s", steady)
            kept &= report(f"create, {wanted.burst_rate}/s for {wanted.burst_seconds} s", burst)
            # The first few were only for warming up; they stay unpaid.
            back = pay(base, officers, [*steps, *more])
            kept &= report("return page, paid and posted", back)
        finally:
            server.terminate()
            server.wait(15)
        finish()
        counted = count(len(steps) + len(more) + 6)
        print("   ".join(f"{name} {number}" for name, number in counted.items()))
        whole = counted["at the provider"] == counted["asked for"]
        whole &= (
            counted["paid at the provider"] == counted["paid here"] == counted["receipts"] == len(steps) + len(more)
        )
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
