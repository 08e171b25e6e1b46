"""Card payments through the real web stack: gunicorn, HTTP, PostgreSQL, the practice provider.

    .venv/bin/python tests/benchmarks/payments.py [--through desk|api|portal] [--seconds 60] [--rate 10]
                                                  [--burst-seconds 10] [--burst-rate 25]

Starts a throw-away council (embedded PostgreSQL, two gunicorn workers on a socket, as behind the web server) and starts
payments at a fixed rate whatever the answers take (an open loop: a slow server meets a queue, not a pause):

* `desk`: officers who are signed in take payments by telephone; one request leads to the card page;
* `api`: another system asks for payments with its key, each under an idempotency key of its own; afterwards it asks for
  every one of them again, as after an answer that was lost, and the payers follow the addresses it was given;
* `portal`: payers come with an empty browser, look a bill up, and go on to the card page without pausing to read.

Then every payer pays on the provider's side, half of them come back, and the poller finishes the rest.

What is counted is what a client sees: from the moment a payment was due (a further page: from the moment it was asked
for), through connecting and waiting behind others, to the last byte. The practice provider answers within the web process
in about a millisecond, so all of it is our own share. Beside it stands the processor time a payment, of the web server and
of this generator: both, and PostgreSQL, share the machine's cores. No limit on callers is lifted: each payer has an
address of their own, named by the web server as always, and the client of the API may call as often as it was allowed to.
Then it counts: none lost, none doubled, the money the same on both sides. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
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
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
CALLS_A_MINUTE = 3000
"""What the client of the API was allowed: fifty calls a second, since it begins payments for a whole county's forms."""


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
    world.add_payment_types()
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


class SocketConnection(http.client.HTTPConnection):
    """A connection to gunicorn's socket, where only the web server in front of it writes."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass
class Answer:
    """One answer to its last byte, and how long that took."""

    status: int
    text: bytes
    location: str
    seconds: float


@dataclass
class Caller:
    """One browser, or another system, as cheap as can be: it shares the two cores with what is measured."""

    socket: Path
    address: str = "192.0.2.1"
    cookies: dict[str, str] = field(default_factory=dict)
    pages: dict[str, float] = field(default_factory=dict)
    """How long each page took that was asked for by a name."""

    def ask(self, method: str, path: str, body: str | None = None, *, due: float = 0.0, **headers: str) -> Answer:
        """One request on a connection of its own, as the web server in front of gunicorn makes it."""
        begun = due or time.perf_counter()
        sent = {"X-Forwarded-For": self.address, "Content-Type": "application/x-www-form-urlencoded", **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = SocketConnection(self.socket)
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 400, f"{method} {path}: {answer.status}: {text[:2000]!r}"
        for each in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(answer.status, text, answer.headers.get("Location", ""), time.perf_counter() - begun)

    def come_back(self, address: str) -> float:
        """Open the page the payer is sent back to, which asks the provider and posts the receipt; how long it took."""
        return self.ask("GET", urlsplit(address).path).seconds


@dataclass
class Begun:
    """A payment that was begun: where its payer goes on, and how long each page took that led there."""

    address: str
    pages: dict[str, float]


class Desk:
    """Officers, each signed in already: what is measured is payments, not passwords."""

    def __init__(self, place: Path) -> None:
        self.officers = [self._officer(place, number) for number in range(OFFICERS)]

    def _officer(self, place: Path, number: int) -> tuple[Caller, str]:
        caller = Caller(place, cookies=dict([signed_in(number)]))
        return caller, TOKEN.search(caller.ask("GET", TAKE).text.decode()).group(1)

    def begin(self, number: int, pence: int, due: float) -> Begun:
        """Take one payment, to the page that leads to the card page."""
        officer, token = self.officers[number % OFFICERS]
        data = {
            "csrfmiddlewaretoken": token,
            "line-TOTAL_FORMS": "1",
            "line-INITIAL_FORMS": "0",
            "line-0-fund": "5",
            "line-0-account_reference": reference(number),
            "line-0-amount": pounds(pence),
            "channel": "telephone",
            "payer_name": f"Payer {number}",
            "step": "go",
        }
        answer = officer.ask("POST", TAKE, urlencode(data), due=due)
        found = STEP.search(answer.text)
        assert found, answer.text[:2000]
        return Begun(found.group(1).decode(), {"create": answer.seconds})

    def go_on(self, begun: Begun) -> tuple[Caller, str]:
        """Whoever pays, and their card page."""
        return self.officers[0][0], begun.address


class Portal:
    """Payers, each with a browser and an address of their own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.browsers: dict[str, Caller] = {}

    def begin(self, number: int, pence: int, due: float) -> Begun:
        """From the first page to the card page: the bill, the basket, the e-mail address, the check."""
        browser = self.browser(number)
        pages = {"look": browser.ask("GET", "/pay/for/rent/", due=due).seconds}
        found = self._form(browser, "/pay/for/rent/", reference=reference(number), amount=pounds(pence))
        pages["look the bill up"] = found.seconds
        assert found.location == "/pay/basket/", found.text[:2000]
        pages["basket"] = browser.ask("GET", "/pay/basket/").seconds
        return self.to_card_page(browser, number, pages)

    def to_card_page(self, browser: Caller, number: int, pages: dict[str, float]) -> Begun:
        """From what is to be paid to the card page, by way of where the receipt goes."""
        pages["details"] = browser.ask("GET", "/pay/details/").seconds
        given = self._form(browser, "/pay/details/", email=f"payer{number}@example.org")
        assert given.location == "/pay/check/", given.text[:2000]
        pages["give details"] = given.seconds
        pages["check"] = browser.ask("GET", "/pay/check/").seconds
        started = self._form(browser, "/pay/card/")
        assert started.status == 303, started.text[:2000]
        pages["create"] = started.seconds
        self.browsers[started.location] = browser
        return Begun(started.location, pages)

    def browser(self, number: int) -> Caller:
        """A new browser, at an address of its own."""
        return Caller(self.place, address=f"10.1.{number // 250}.{number % 250 + 1}")

    def go_on(self, begun: Begun) -> tuple[Caller, str]:
        """Whoever pays, and their card page."""
        return self.browsers.pop(begun.address), begun.address

    @staticmethod
    def _form(browser: Caller, path: str, **data: str) -> Answer:
        return browser.ask("POST", path, urlencode({"csrfmiddlewaretoken": browser.cookies["csrftoken"], **data}))


class Api:
    """Another system, which asks for payments and sends their payers to the address it is given."""

    def __init__(self, place: Path) -> None:
        from tests.api.conftest import add_client

        _, secret = add_client("Forms", "payments:create", calls_a_minute=CALLS_A_MINUTE)
        self.caller = Caller(place)
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.portal = Portal(place)
        self.asked: dict[str, tuple[str, str]] = {}
        """The body sent, and the number of the payment answered, by idempotency key."""

    def begin(self, number: int, pence: int, due: float) -> Begun:
        """Ask for one payment."""
        key, bill = f"form-{number}", {"payment_type": "rent", "reference": reference(number), "amount": pounds(pence)}
        body = json.dumps({"lines": [bill], "return_url": "https://forms.council.example/back"})
        answer = self._post(body, key, due)
        made = json.loads(answer.text)
        self.asked[key] = body, made["id"]
        return Begun(f"{number} {urlsplit(made['pay_url']).path}", {"create": answer.seconds})

    def ask_again(self) -> int:
        """Ask for everything a second time under its own key; how many answers name another payment than the first."""
        return sum(
            json.loads(self._post(body, key).text)["id"] != first for key, (body, first) in sorted(self.asked.items())
        )

    def go_on(self, begun: Begun) -> tuple[Caller, str]:
        """The payer follows the address to the card page."""
        number, path = begun.address.split()
        browser = self.portal.browser(int(number))
        assert browser.ask("GET", path).location == "/pay/details/"
        return browser, self.portal.to_card_page(browser, int(number), begun.pages).address

    def _post(self, body: str, key: str, due: float = 0.0) -> Answer:
        return self.caller.ask("POST", "/api/v1/payments", body, due=due, **{**self.headers, "Idempotency-Key": key})


WAYS = {"desk": Desk, "api": Api, "portal": Portal}


def reference(number: int) -> str:
    return f"9{number:010d}"


def pounds(pence: int) -> str:
    return f"{pence / 100:.2f}"


def processor_seconds(server: int) -> float:
    """Processor time the web server's processes have taken so far."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = process.read_text().rpartition(")")[2].split()
            if int(fields[1]) == server or process.parent.name == str(server):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass
class Phase:
    """What one load came to: payments begun, failures; processor seconds a payment, ours and the server's."""

    asked: int
    begun: list[Begun] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    ours: float = 0.0
    theirs: float = 0.0

    def report(self, name: str) -> bool:
        """Print how long every page took; whether each kept within the bar."""
        pages = {
            page: [each.pages[page] for each in self.begun] for page in (self.begun[0].pages if self.begun else ())
        }
        kept = [report(f"{page}, {name}", taken) for page, taken in pages.items()]
        print(
            f"processor time a payment, {name}: {self.theirs * 1000:.1f} ms web server, "
            f"{self.ours * 1000:.1f} ms generator"
        )
        return all(kept) and len(self.begun) == self.asked


def load(server: int, way: Desk | Api | Portal, rate: int, seconds: int, first: int) -> Phase:
    """`rate` payments a second for `seconds`, each due at its own moment and measured from then."""
    phase = Phase(rate * seconds)
    lock = threading.Lock()

    def one(number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            begun = way.begin(first + number, 1000 + number, due)
        except Exception as error:
            with lock:
                phase.failures.append(error)
            return
        with lock:
            phase.begun.append(begun)

    ours, theirs = time.process_time(), processor_seconds(server)
    begun = time.perf_counter() + 0.5
    with ThreadPoolExecutor(max_workers=OFFICERS * 4) as pool:
        for number in range(phase.asked):
            pool.submit(one, number, begun + number / rate)
    if phase.asked:
        phase.ours = (time.process_time() - ours) / phase.asked
        phase.theirs = (processor_seconds(server) - theirs) / phase.asked
    if phase.failures:
        print(f"{len(phase.failures)} of {phase.asked} failed, the first: {phase.failures[0]}")
    return phase


def pay(way: Desk | Api | Portal, payments: list[Begun]) -> list[float]:
    """Every payer pays, on the provider's side; every second one comes back. How long the return page took."""
    from ims.payments.gateways import STUB_PAGE, practice_books
    from ims.providers import stub

    taken = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        arrived = list(pool.map(way.go_on, payments))
    for number, (payer, step) in enumerate(arrived):
        back = stub.choose(practice_books(), step.removeprefix(STUB_PAGE), "pay")
        if number % 2:
            taken.append(payer.come_back(back))
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
    parser.add_argument("--through", choices=WAYS, default="desk")
    for name, default in (("seconds", 60), ("rate", 10), ("burst-seconds", 10), ("burst-rate", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ims-payments-") as folder:
        prepare(Path(folder))
        place = Path(folder) / "web.sock"
        server = subprocess.Popen([*GUNICORN, "--bind", f"unix:{place}"])
        try:
            _until_ready(place)
            way = WAYS[wanted.through](place)
            warm = load(server.pid, way, 2, 3, 1)  # imports and caches
            steady = load(server.pid, way, wanted.rate, wanted.seconds, 101)
            burst = load(server.pid, way, wanted.burst_rate, wanted.burst_seconds, 1501)
            kept = steady.report(f"{wanted.rate}/s for {wanted.seconds} s")
            if burst.asked:
                kept &= burst.report(f"{wanted.burst_rate}/s for {wanted.burst_seconds} s")
            doubled = way.ask_again() if isinstance(way, Api) else 0
            # The first few were only for warming up; they stay unpaid.
            paid = [*steady.begun, *burst.begun]
            kept &= report("return page, paid and posted", pay(way, paid))
        finally:
            server.terminate()
            server.wait(15)
        finish()
        expected = len(paid) if wanted.through == "api" else len(paid) + len(warm.begun)
        counted = count(expected)
        print("   ".join(f"{name} {number}" for name, number in counted.items()))
        whole = counted["asked for"] == counted["at the provider"] == counted["attempts here"]
        whole &= counted["paid at the provider"] == counted["paid here"] == counted["receipts"] == len(paid)
        whole &= len(paid) == steady.asked + burst.asked
        if isinstance(way, Api):
            baskets = asked_through_the_api()
            print(
                f"asked for through the API {len(way.asked)}   each again, answered otherwise {doubled}   kept {baskets}"
            )
            whole &= doubled == 0 and baskets == len(way.asked) == warm.asked + steady.asked + burst.asked
        print("none lost, none doubled" if whole else "LOST OR DOUBLED")
        from ims.settings import embedded_postgres

        embedded_postgres.stop(Path(folder) / "postgres")
    return 0 if kept and whole else 1


def asked_through_the_api() -> int:
    from ims.api.models import ClientPayment

    return ClientPayment.objects.count()


def _until_ready(place: Path) -> None:
    for _ in range(200):
        try:
            Caller(place).ask("GET", "/healthz")
            return
        except (OSError, AssertionError):
            time.sleep(0.2)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(main())
