"""Every alert that can be provoked on a host: provoked, seen, and ended by doing what its page says, word for word.

The commands are read from the pages themselves, so a page that names a wrong one fails here.
"""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml
from support.lab import ANSIBLE, REPOSITORY, Lab

from scenarios.single import PORT, bring_in, totals

CODE = "demo"
PAGES = REPOSITORY / "docs" / "support-model" / "runbooks" / "alerts"
RULES = ANSIBLE / "roles" / "ims_monitoring" / "files" / "alerts.yml"
MEASURED = "/var/lib/prometheus/node-exporter/ims.prom"
COMPARED = {"==": operator.eq, ">": operator.gt, "<": operator.lt}
SIMPLE = re.compile(r"(ims_\w+) (==|>|<) (\d+(?: \* \d+)*)")
SHARE = re.compile(r'(\w+)\{fstype!~"([\w|]+)"\} / (\w+) < ([\d.]+)')
EXPORTED = "http://127.0.0.1:9100/metrics"
PROGRAMMES = re.compile(
    "(systemctl|journalctl|ims-|ansible-playbook|runuser|openssl|curl|df|du|ls|cat|tail|ss|nft|findmnt|nginx|pg_ls"
    "|rm|chown|apt-get) ?"
)
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", flags=re.M | re.S)
NOT_FOUND = 127
PATIENCE = 90
"""Seconds within which an alert must end. What is measured is measured every minute."""

SHELL = "ims-manage demo shell --verbosity 0"
GUARD = "TRIGGER append_only_rows"
ALTER = f"ALTER TABLE ledger_entry DISABLE {GUARD}; UPDATE ledger_entry SET amount = amount {{}} 1"
ALTER += f" WHERE id = (SELECT min(id) FROM ledger_entry); ALTER TABLE ledger_entry ENABLE ALWAYS {GUARD}"
SEAL_OF_ANOTHER_DAY = f"ALTER TABLE ledger_seal DISABLE {GUARD}; UPDATE ledger_seal"
SEAL_OF_ANOTHER_DAY += " SET sealed_at = sealed_at {} interval '1 day' WHERE id = (SELECT min(id) FROM ledger_seal);"
SEAL_OF_ANOTHER_DAY += f" ALTER TABLE ledger_seal ENABLE ALWAYS {GUARD}"

MADE_UP = {"DIRECTORY": "/var/lib/ims/demo/published-seals", "MOUNTPOINT": "/var/log/journal", "VERSION": "0.0.1"}
"""What a page leaves to its reader, as the walks bring it about."""


def sql(query: str) -> str:
    """A command that runs one query as the database's superuser."""
    return f'runuser -u postgres -- psql -XAtq -p {PORT} -d ims -c "{query}"'


def shell(code: str) -> str:
    """A command that runs Python inside the council's IMS."""
    return f"{SHELL} <<'END'\n{code}\nEND"


def older(report: str, hours: int) -> str:
    """A command that makes a report of the backup that much older."""
    path = f"/var/lib/ims-backup/{report}"
    return f"""perl -pi -e 's/"finished": (\\d+)/"\\"finished\\": " . ($1 - {hours * 3600})/e' {path}"""


WAITING_JOB = """
from datetime import timedelta
from django.utils import timezone
from procrastinate.contrib.django import app
due = timezone.now() - timedelta(minutes=20)
app.configure_task(name="jobs.sweep", queue="schedule", schedule_at=due).defer(timestamp=0)
"""
FAILING_JOB = """
from ims.audit.actors import command
from ims.jobs.queue import enqueue
enqueue("imports.check", actor=command("test"), batch=999999999)
"""
BREAK_GLASS = """
from ims.audit.actors import acting, command
from ims.people.models import User
from ims.sign_in.models import BreakGlassUse
from ims.sign_in.services.accounts import mark_break_glass
person = User.objects.get(username="first")
mark_break_glass(actor=command("test"), person=person, note="In the safe", reason="To see the alert")
BreakGlassUse.objects.create(person=person, address="192.0.2.9")
"""
REVIEWED = """
from ims.audit.actors import command
from ims.sign_in.models import BreakGlassUse
from ims.sign_in.services.accounts import review_break_glass
review_break_glass(actor=command("test"), use_id=BreakGlassUse.objects.last().pk, finding="Announced; the yearly trial")
"""
OVERDUE_REVIEW = """
from datetime import timedelta
from ims.access.models import AccessReview
from ims.access.services import open_review
from ims.audit.actors import command
from ims.common import clock
open_review(actor=command("test"), title="To see the alert", due_on=clock.today())
AccessReview.objects.filter(signed_off_at=None).update(due_on=clock.today() - timedelta(days=3))
"""
SIGNED_OFF = """
from ims.access import services
from ims.access.models import AccessReview
from ims.people.selectors import actor_for
from ims.people.models import User
review = AccessReview.objects.get(signed_off_at=None)
reviewers = [actor_for(User.objects.get(username=name)) for name in ("sam.carter", "margaret.hughes")]
for line in review.lines.all():
    other = next(reviewer for reviewer in reviewers if reviewer.person_key != line.person_id)
    services.decide(actor=other, line_id=line.pk, decision="confirmed", reason="Still does this work")
services.sign_off(actor=reviewers[0], review_id=review.pk, statement="Everybody was looked at")
"""

FAILING_SERVICE = """
from datetime import timedelta
from django.utils import timezone
from ims.audit.actors import acting, command
from ims.payments.models import PaymentService
from ims.payments.models.set_up import ServiceHealth
with acting(command("test"), "To see the alert"):
    wanted = {"name": "Trial", "provider": "govuk_pay", "is_active": True}
    service, _ = PaymentService.objects.update_or_create(code="trial", defaults=wanted)
since = timezone.now() - timedelta(minutes=6)
ServiceHealth.objects.update_or_create(service=service, defaults={"failures": 4, "failing_since": since})
"""
ANSWERING_SERVICE = """
from ims.audit.actors import acting, command
from ims.payments.models import PaymentService
from ims.payments.models.set_up import ServiceHealth
ServiceHealth.objects.update(failures=0, failing_since=None)
with acting(command("test"), "The alert was seen"):
    service = PaymentService.objects.get(code="trial")
    service.is_active = False
    service.save()
"""
ARCHIVED_LOG = f"system@{'0' * 32}-{1:016x}-{1_600_000_000_000_000:016x}.journal"
"""A log of September 2020: journalctl reads the day from the name."""


@dataclass(frozen=True)
class Walk:
    """How an alert is brought about, and which parts of its page end it.

    `provoked` is typed on the server; `meanwhile` is what others do before the page helps, such as mending the storage.
    `afterwards` puts back what the walk altered and the page does not speak of. `disk`: the folder where a small disk
    is mounted first. `by_verify`: seen by verify.yml rather than by a rule.
    """

    provoked: str
    parts: tuple[str, ...]
    meanwhile: str = ""
    afterwards: str = ""
    disk: str = ""
    by_verify: bool = False


WALKS = {
    "worker-down": Walk(f"systemctl stop ims-worker@{CODE}.service", ("Do 1",)),
    "site-down": Walk(f"systemctl stop ims-web@{CODE}.socket ims-web@{CODE}.service", ("Do 1",)),
    "database-down": Walk(
        f"systemctl stop postgresql@$(pg_lsclusters --no-header | awk '$2 == \"{CODE}\" {{print $1}}')-{CODE}.service",
        ("Do 1", "Afterwards"),
    ),
    "service-failed": Walk("systemctl kill --signal=KILL unattended-upgrades.service || true; sleep 1", ("Do 2",)),
    "queue-not-moving": Walk(
        f"systemctl stop ims-worker@{CODE}.service && {shell(WAITING_JOB)}",
        ("Do 2",),
    ),
    "jobs-failed": Walk(
        f"{shell(FAILING_JOB)}\nsleep 6",
        (),
        meanwhile=sql("UPDATE jobs_jobrun SET finished_at = finished_at - interval '25 hours' WHERE state = 'failed'"),
    ),
    "break-glass-used": Walk(shell(BREAK_GLASS), (), meanwhile=shell(REVIEWED)),
    "payments-failing": Walk(
        shell(FAILING_SERVICE),
        (),
        meanwhile=shell(ANSWERING_SERVICE),
    ),
    "log-archive-failing": Walk(
        f"mv /srv/ims-backup /srv/ims-backup.away; {sql('SELECT pg_switch_wal()')}; sleep 8",
        ("Do 2", "Afterwards"),
        meanwhile="rm -rf /srv/ims-backup; mv /srv/ims-backup.away /srv/ims-backup",
    ),
    "backup-late": Walk(older(f"{CODE}.json", 27), ("Do 1",)),
    "restore-drill-late": Walk(
        f"ims-restore-drill {CODE}; {older(f'{CODE}.drill.json', 9 * 24)}",
        ("Do 1",),
    ),
    "restore-drill-failed": Walk(
        f"{sql(ALTER.format('+'))}; {sql('SELECT pg_switch_wal()')}; sleep 8;"
        f" ! ims-restore-drill {CODE}; ! ims-manage {CODE} verify",
        ("Do 2",),
        meanwhile=sql(ALTER.format("-")),
    ),
    "measurements-missing": Walk(
        f"systemctl stop ims-measure.timer prometheus-node-exporter; sed -i '/^ims_measured_at/d' {MEASURED}", ("Do 1",)
    ),
    "security-headers-missing": Walk(
        "echo 'proxy_hide_header Strict-Transport-Security;' >> /etc/ims/nginx-proxy.conf; nginx -s reload; sleep 1",
        ("Do 1",),
        by_verify=True,
    ),
    "port-open": Walk(
        "nft flush ruleset; systemd-run --quiet --collect --unit ims-stray python3 -m http.server 8066; sleep 1",
        ("Do 1",),
        meanwhile="systemctl stop ims-stray",
        by_verify=True,
    ),
    "certificate-expiring": Walk(
        f"cd /etc/ims/certificates && openssl req -x509 -key {CODE}.key -days 9 -subj /CN=old -out {CODE}.crt",
        ("Do 1",),
    ),
    "access-review-overdue": Walk(shell(OVERDUE_REVIEW), (), meanwhile=shell(SIGNED_OFF)),
    "seals-not-published": Walk(
        f"ims-manage {CODE} seal; {sql(SEAL_OF_ANOTHER_DAY.format('-'))};"
        f" install --directory --owner root {MADE_UP['DIRECTORY']}",
        ("Do 1",),
        afterwards=sql(SEAL_OF_ANOTHER_DAY.format("+")),
    ),
    "disk-filling": Walk(
        f"mkdir --parents /opt/ims/releases/{MADE_UP['VERSION']} {MADE_UP['MOUNTPOINT']}/$(cat /etc/machine-id)"
        f" && dd status=none if=/dev/zero bs=1M count=50"
        f" of={MADE_UP['MOUNTPOINT']}/$(cat /etc/machine-id)/{ARCHIVED_LOG}",
        ("Do 1", "Do 2"),
        afterwards=f"! test -e /opt/ims/releases/{MADE_UP['VERSION']} && umount --lazy {MADE_UP['MOUNTPOINT']}"
        " && journalctl --rotate",
        disk=MADE_UP["MOUNTPOINT"],
    ),
}


def prepares(lab: Lab) -> str:
    """A council with a day's receipts, where nothing is wrong"""
    if lab.ssh("test -e /opt/ims/councils/demo/release && echo yes", check=False) != "yes":
        lab.play("site")
    if not int(totals(lab).split("|")[0]):
        bring_in(lab, CODE)
    lab.play("verify")
    firing = [page for page, how in WALKS.items() if not how.by_verify and fires(lab, page)]
    assert not firing, firing
    return totals(lab)


def walk(page: str) -> Callable[[Lab], str]:
    """A step: the alert is provoked, is seen, and ends when its page is followed."""
    how = WALKS[page]

    def step(lab: Lab) -> str:
        before = totals(lab)
        if how.disk:
            lab.lend_disk(how.disk)
        lab.ssh(how.provoked)
        assert sees(lab, page), f"{page} was provoked and not seen"
        looked = [each for each in commands(page, "Look") if look(lab, each)]
        if how.meanwhile:
            lab.ssh(how.meanwhile)
        done = [each for part in how.parts for each in commands(page, part)]
        for each in done:
            act(lab, each)
        until = time.monotonic() + PATIENCE
        while sees(lab, page):
            assert time.monotonic() < until, f"{page}: the page was followed, and it goes on"
            time.sleep(1)
        if how.afterwards:
            lab.ssh(how.afterwards)
        assert totals(lab) == before
        return f"looked with {len(looked)} commands; ended by {done or 'a person'}"

    title = PAGES.joinpath(f"{page}.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    step.__doc__ = f"“{title}”: provoked, seen, ended by its page"
    step.__name__ = page.replace("-", "_")
    return step


def sees(lab: Lab, page: str) -> bool:
    """Whether who watches would be told, and be sent to this page."""
    if not WALKS[page].by_verify:
        return fires(lab, page)
    played = lab.play("verify", expect=None)
    return f"alerts/{page}.md" in re.sub(r"\s+", "", played.text)


def fires(lab: Lab, page: str) -> bool:
    """Whether the page's rule holds of what is measured now; how long it must hold is left out."""
    rules = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    expression = next(rule["expr"] for rule in rules if rule["labels"]["runbook"] == page)
    if page == "measurements-missing":
        return not re.search(r"^ims_measured_at ", lab.ssh(f"cat {MEASURED}"), flags=re.M)
    if share := SHARE.fullmatch(expression):
        return smallest_share(lab.ssh(f"curl --silent {EXPORTED}"), *share.groups()[:3]) < float(share[4])
    name, compared, limit = SIMPLE.fullmatch(expression).groups()
    bound = 1
    for factor in limit.split(" * "):
        bound *= int(factor)
    samples = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", lab.ssh(f"ims-measure && cat {MEASURED}"), flags=re.M)
    return any(COMPARED[compared](float(sample), bound) for sample in samples)


def smallest_share(exported: str, part: str, left_out: str, whole: str) -> float:
    """The smallest `part` of a `whole` exported of a file system whose type is not `left_out`; 1 when there is none."""
    found = re.findall(r'^(\w+)\{.*fstype="(\w+)",mountpoint="([^"]+)"\} (\S+)$', exported, flags=re.M)
    sizes = {where: float(value) for name, _, where, value in found if name == whole}
    counted = (each for each in found if each[0] == part and not re.fullmatch(left_out, each[1]))
    return min((float(value) / sizes[where] for _, _, where, value in counted), default=1)


def commands(page: str, part: str) -> Iterator[str]:
    """The commands of a section of a page, or of one of its numbered steps: “Look”, “Do 2”."""
    name, _, number = part.partition(" ")
    text = dict(SECTION.findall(PAGES.joinpath(f"{page}.md").read_text(encoding="utf-8")))[name]
    if number:
        steps = re.split(r"^\d+\. ", text, flags=re.M)
        text = steps[int(number)]
    for code in re.findall(r"`([^`]+)`", text, flags=re.S):
        if PROGRAMMES.match(code):
            yield " ".join(code.split())


def look(lab: Lab, command: str) -> bool:
    """Type a command that looks: it may find bad news, but it must be a command."""
    if command.startswith("ansible-playbook") or "HOSTNAME" in command:
        return False
    ended = int(lab.ssh(f"{filled(lab, command)} > /dev/null 2>&1; echo $?", check=False))
    assert ended != NOT_FOUND, f"{command}: there is no such command"
    return True


def act(lab: Lab, command: str) -> None:
    """Type a command that mends, or have it played."""
    if command.startswith("ansible-playbook"):
        playbook = re.search(r"playbooks/([a-z-]+)\.yml", command)[1]
        lab.play(playbook, *(["-e", "council=demo"] if "council=CODE" in command else []))
    else:
        lab.ssh(filled(lab, command))


def filled(lab: Lab, command: str) -> str:
    """With this council's code, and what else a page leaves to the reader."""
    version = lab.ssh(f"pg_lsclusters --no-header | awk '$2 == \"{CODE}\" {{print $1}}'")
    filled = command.replace("@N-CODE", f"@{version}-{CODE}").replace("CODE", CODE)
    for name, value in MADE_UP.items():
        filled = filled.replace(name, value)
    return re.sub(r"(?<=restart )NAME|(?<=-u )NAME", "unattended-upgrades.service", filled)


STEPS = [prepares, *map(walk, WALKS)]
