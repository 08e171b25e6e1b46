"""One council on one server, from an empty host to a server that burnt down."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
from functools import cache
from pathlib import Path

from support.browser import ENOUGH, AuthenticatorApp, Browser, Load
from support.lab import Lab
from support.refusals import REFUSALS, spoil

PORT = 5441
HOST = "income.demo.example"
PASSWORD = "A-better-one-of-my-own-2026"

EMAIL = "smtp://income:let-me-send-3141@mail.example:25"
PAYMENT_KEY = "api-key-of-the-test-2718"
MESSAGES_KEY = "notify-key-of-the-test-1618"
DIRECTORY_SECRET = "directory-secret-of-the-test-1414"
SETTINGS = {
    "IMS_DIRECTORIES": [
        {"id": "staff", "name": "Staff directory", "client_id": "income", "issuer": "https://directory.example/staff"}
    ],
    "IMS_BREAK_GLASS_EMAILS": ["safety@demo.example", "audit@demo.example"],
    "IMS_EMAIL_FROM": "income@demo.example",
}
VAULT = f"""
IMS_EMAIL_URL: {EMAIL}
IMS_DIRECTORY_SECRETS:
  staff: {DIRECTORY_SECRET}
named:
  govuk-pay: {PAYMENT_KEY}
  govuk-notify: {MESSAGES_KEY}
"""

SEED = """
from datetime import date
from ims.approvals.models import Limit
from ims.audit.actors import acting, command
from ims.demonstration import cast
from ims.people.models import User
from ims.people.services import create_person
with acting(command("test"), "One engineer sets this council up, with nobody there to approve"):
    alone = dict(alone_up_to=None, with_approval_up_to=None)
    for kind in ("people.roles", "exports.profile", "imports.file_profile"):
        Limit.objects.get_or_create(kind=kind, role="", defaults=alone)
if not User.objects.filter(username=cast.ADMIN.username).exists():
    who = dict(username=cast.ADMIN.username, display_name=cast.ADMIN.name)
    create_person(actor=command("test"), roles=["Administrator"], **who)
from pathlib import Path
from ims.demonstration import council
from ims.demonstration.day import FULL, files
from ims.demonstration.run import working_day
from ims.funds.selectors import previous_working_day
day = working_day(date.today())
council.lay_ground(lambda event: None)
model = council.set_up(day, lambda event: None)
for file in files(day, model, FULL, day_before=previous_working_day(day)):
    Path("inbox", file.name).write_bytes(file.content)
    print(file.name, file.profile)
"""


@cache
def telephone(lab: Lab) -> AuthenticatorApp:
    """The first administrator's."""
    return AuthenticatorApp(lab.work / "authenticator")


def totals(lab: Lab, port: int = PORT, *, host: str = "ims1") -> str:
    """Rows and pounds of a council's ledger."""
    return lab.sql(port, "SELECT count(*), sum(amount), max(id) FROM ledger_entry", host=host)


def load(lab: Lab) -> Load:
    """Four people at work."""
    browser = Browser(HOST, lab.inventory / "pki" / "authority.crt")
    browser.sign_in("first", PASSWORD, telephone(lab))
    return Load(browser)


def refuses(lab: Lab) -> str:
    """Wrong inventories are refused with a sentence before anything changes"""
    for name, refusal in REFUSALS.items():
        wrong = lab.work / "wrong"
        shutil.rmtree(wrong, ignore_errors=True)
        shutil.copytree(lab.inventory, wrong)
        spoil(wrong, refusal)
        played = lab.play("site", inventory=wrong, expect=2)
        flat = re.sub(r"\s+", " ", played.text)
        assert refusal.sentence in flat, f"{name}: “{refusal.sentence}” was not said: {played.text[-1500:]}"
        assert played.changed == 0, f"{name}: something changed"
    return f"{len(REFUSALS)} refused"


def installs(lab: Lab) -> str:
    """An empty host becomes a working council"""
    played = lab.play("site")
    return f"{played.seconds:.0f} s, {played.changed} changes"


def installs_again(lab: Lab) -> str:
    """The same again changes nothing"""
    played = lab.play("site")
    assert played.changed == 0, f"{played.changed} changes: {re.findall('changed: .*', played.text)}"
    return f"{played.seconds:.0f} s"


def check_mode(lab: Lab) -> str:
    """Check mode runs through and would change nothing"""
    played = lab.play("site", "--check")
    assert played.changed == 0, re.findall(r"changed: .*", played.text)
    return f"{played.seconds:.0f} s"


def signs_in(lab: Lab) -> str:
    """The first administrator chooses a password with the one-time link, which then no longer works, and signs in"""
    link = lab.ssh("cat /etc/ims/councils/demo/first-administrator.txt")
    assert link.startswith(f"https://{HOST}/"), link
    path = link.removeprefix(f"https://{HOST}")
    invited = Browser(HOST, lab.inventory / "pki" / "authority.crt")
    address, page = invited.post(path, password=PASSWORD, again=PASSWORD)
    assert "Demo Council" in page, address
    app = telephone(lab)
    invited.add_second_factor(app)
    try:
        _, page = Browser(HOST, lab.inventory / "pki" / "authority.crt").get(path)
    except urllib.error.HTTPError as refusal:
        page = refusal.read().decode("utf-8")
    assert "no longer works" in page
    assert path not in lab.ssh("cat /var/log/nginx/*.log"), "the link is in the web server's log"
    browser = Browser(HOST, lab.inventory / "pki" / "authority.crt")
    _, page = browser.sign_in("first", PASSWORD, app)
    assert "Demo Council" in page
    assert all(cookie.name.startswith("__Host-") and cookie.secure for cookie in browser.cookies)
    return f"{len(browser.cookies)} cookies, all for this address and HTTPS alone"


def posts_a_bank_file(lab: Lab) -> str:
    """A bank file is brought in and posted with the command the runbooks name"""
    name = bring_in(lab, "demo")
    before = totals(lab)
    assert int(before.split("|")[0]) > 0
    twice = lab.ssh(f"ims-manage demo import /var/lib/ims/demo/inbox/{name} 2>&1; echo code $?")
    assert twice.endswith("code 1"), twice
    assert totals(lab) == before, "the same file was posted twice"
    return f"{name}: {totals(lab)}"


def bring_in(lab: Lab, code: str) -> str:
    """Set a council up as the Model Council is, and post its first file of today; return the file's name."""
    said = lab.ssh(f"ims-manage {code} shell --verbosity 0", given=SEED)
    name, profile = said.splitlines()[0].split()
    path = f"/var/lib/ims/{code}/inbox/{name}"
    facts = json.loads(lab.ssh(f"ims-manage {code} import {path} --profile {profile} --json", check=False))
    assert facts["posted"], facts
    return name


def survives_a_restart(lab: Lab) -> str:
    """After the host restarts, everything is well"""
    before = totals(lab)
    lab.play("os-patch", "-e", "restart_always=true")
    assert totals(lab) == before
    lab.play("verify")
    return "verify clean"


def restarts_under_load(lab: Lab) -> str:
    """Three restarts under load refuse nobody"""
    with load(lab) as people:
        for _ in range(3):
            lab.ssh("systemctl restart ims-web@demo.service && sleep 3")
    return counted(people)


def refuses_a_damaged_release(lab: Lab) -> str:
    """A release that was altered on the way is refused"""
    damaged = lab.work / "damaged"
    damaged.mkdir(exist_ok=True)
    archive = lab.releases[lab.next_version]
    copy = damaged / archive.name
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    for beside in (".sha256", ".sig"):
        shutil.copy(f"{archive}{beside}", f"{copy}{beside}")
    played = lab.play("upgrade", "-e", f"ims_release_archive={copy}", expect=2)
    assert "does not have the checksum" in re.sub(r"\s+", " ", played.text), played.text[-2000:]
    assert running(lab) == lab.version
    return "refused, nothing changed"


def refuses_a_strangers_release(lab: Lab) -> str:
    """A release that somebody else signed is refused, by the control node and by the host itself"""
    forged = lab.work / "forged"
    shutil.rmtree(forged, ignore_errors=True)
    forged.mkdir()
    archive = lab.releases[lab.next_version]
    copy = forged / archive.name
    shutil.copy(archive, copy)
    shutil.copy(f"{archive}.sha256", f"{copy}.sha256")
    key = forged / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "ims-release", str(copy)], check=True)
    played = lab.play("upgrade", "-e", f"ims_release_archive={copy}", expect=2)
    assert "was not signed by anybody in ims_release_signers" in re.sub(r"\s+", " ", played.text)
    for part in ("", ".sig"):
        lab.pipe(f"cat > /root/{copy.name}{part}", Path(f"{copy}{part}").read_bytes())
    checksum = Path(f"{copy}.sha256").read_text(encoding="ascii").split()[0]
    said = lab.ssh(f"ims-install-release /root/{copy.name} {checksum} 2>&1", check=False)
    assert "was not signed by anybody named in /etc/ims/release-signers" in said, said
    assert lab.ssh(f"ls /opt/ims/releases; rm /root/{copy.name}*") == lab.version
    return "refused twice, nothing unpacked"


def upgrades_under_load(lab: Lab) -> str:
    """An upgrade under load refuses nobody and loses no row"""
    before = totals(lab)
    with load(lab) as people:
        played = lab.play("upgrade", "-e", lab.archive(lab.next_version))
    assert running(lab) == lab.next_version
    assert totals(lab) == before
    return f"{played.seconds:.0f} s; {counted(people)}"


def rolls_back_under_load(lab: Lab) -> str:
    """A roll-back under load refuses nobody and loses no row"""
    before = totals(lab)
    with load(lab) as people:
        played = lab.play("rollback")
    assert running(lab) == lab.version
    assert totals(lab) == before
    return f"{played.seconds:.0f} s; {counted(people)}"


def restores(lab: Lab) -> str:
    """After damage, a restore brings back the instant before, to the penny"""
    lab.play("backup")
    before = totals(lab)
    moment = lab.sql(PORT, "SELECT clock_timestamp()")
    lab.ssh("sleep 2")
    lab.sql(PORT, "DROP TABLE ledger_entry CASCADE")
    played = lab.play("restore", "-e", "council=demo", "-e", json.dumps({"moment": moment}))
    assert totals(lab) == before, f"{before} became {totals(lab)}"
    verified = json.loads(lab.ssh("ims-manage demo verify --json", check=False))
    return f"{played.seconds:.0f} s; {before}; verify says {json.dumps(verified)[:160]}"


def rehearses(lab: Lab) -> str:
    """The restore drill verifies the backup"""
    lab.play("restore-drill")
    report = json.loads(lab.ssh("cat /var/lib/ims-backup/demo.drill.json"))
    assert report["verified"]
    count, total, _ = totals(lab).split("|")
    assert (str(report["entries"]), report["total"]) == (count, total), report
    return f"{report['seconds']} s, {report['entries']} entries"


def rotates_secrets(lab: Lab) -> str:
    """Secrets are replaced and the council goes on"""
    before = lab.ssh("cat /etc/ims/councils/demo/secrets/DATABASE_URL")
    lab.play("rotate-secrets", "-e", "council=demo", "-e", "secrets=secret_key,database_password")
    assert lab.ssh("cat /etc/ims/councils/demo/secrets/DATABASE_URL") != before
    browser = Browser(HOST, lab.inventory / "pki" / "authority.crt")
    browser.sign_in("first", PASSWORD, telephone(lab))
    return "verify clean afterwards, and the authenticator app still fits"


def hands_settings_over(lab: Lab) -> str:
    """Settings and secrets of sign-in, payments and messages, from the council's file and vault, reach its services"""
    lab.write_council("demo", PORT, settings=SETTINGS)
    lab.add_to_vault("demo", VAULT)
    lab.play("council-change", "-e", "council=demo")
    asked = "import json\nfrom ims.settings.environment import named_secret, setting\n"
    asked += "names = ['IMS_EMAIL_URL', 'IMS_DIRECTORY_SECRETS', 'IMS_BREAK_GLASS_EMAILS', 'IMS_EMAIL_FROM']\n"
    asked += "print(json.dumps([*map(setting, names), named_secret('govuk-pay'), named_secret('govuk-notify')]))"
    assert json.loads(lab.ssh("ims-manage demo shell --verbosity 0", given=asked)) == [
        *[EMAIL, {"staff": DIRECTORY_SECRET}, SETTINGS["IMS_BREAK_GLASS_EMAILS"], SETTINGS["IMS_EMAIL_FROM"]],
        *[PAYMENT_KEY, MESSAGES_KEY],
    ]
    for service in ("ims-web", "ims-worker"):
        leader = lab.ssh(f"systemctl show --value --property MainPID {service}@demo.service")
        handed = lab.ssh(f"nsenter --target {leader} --mount ls /run/credentials/{service}@demo.service").split()
        wanted = {"IMS_EMAIL_URL", "IMS_DIRECTORY_SECRETS", "secret_govuk-pay", "secret_govuk-notify"}
        assert wanted <= set(handed), handed
        assert "IMS_DATABASE_OWNER_URL" not in handed, "the owner's password is not for services"
    loose = lab.ssh(
        "find /etc/ims/councils/demo -type f ! ( -user root -perm 600 )".replace("(", "\\(").replace(")", "\\)")
    )
    assert not loose, f"others may read {loose}"
    _, page = Browser(HOST, lab.inventory / "pki" / "authority.crt").get("/account/sign-in/")
    assert "Staff directory" in page
    assert lab.play("council-change", "-e", "council=demo").changed == 0
    return f"{len(handed)} secrets each, in files of root's alone"


def refuses_unfit_settings(lab: Lab) -> str:
    """Settings with which IMS would not start are refused with its own sentence, and the council goes on"""
    before = lab.ssh("cat /etc/ims/councils/demo/environment; systemctl show --value -p MainPID ims-web@demo.service")
    wrong = {
        "IMS_DIRECTORIES: a directory has no “issuer”": {
            "IMS_DIRECTORIES": [{"id": "x", "name": "X", "client_id": "y"}]
        },
        "IMS_REQUIRE_SECOND_FACTOR may be False in the demonstration only": {"IMS_REQUIRE_SECOND_FACTOR": False},
    }
    for sentence, settings in wrong.items():
        lab.write_council("demo", PORT, settings=SETTINGS | settings)
        played = lab.play("council-change", "-e", "council=demo", expect=2)
        said = re.sub(r"\s+", " ", played.text)
        assert all(part in said for part in ("IMS does not start with these settings", *sentence.split(": "))), said[
            -1500:
        ]
        assert played.changed == 0
    after = lab.ssh("cat /etc/ims/councils/demo/environment; systemctl show --value -p MainPID ims-web@demo.service")
    assert after == before, "the council was touched"
    lab.write_council("demo", PORT, settings=SETTINGS)
    assert lab.play("council-change", "-e", "council=demo").changed == 0
    return f"{len(wrong)} refused, nothing written, nothing restarted"


def logs_no_searches(lab: Lab) -> str:
    """What people search for is not in the web server's log"""
    Browser(HOST, lab.inventory / "pki" / "authority.crt").get("/admin/login/?next=/receipts/?q=SmithJohn")
    logged = lab.ssh("cat /var/log/nginx/*.log")
    assert "/admin/login/" in logged
    assert "SmithJohn" not in logged
    return "the address is, what follows the question mark is not"


def bundles_for_support(lab: Lab) -> str:
    """The support bundle says how the server is, without personal data"""
    lab.ssh("logger -t ims-test 'jo.bloggs@council.example of SW1A 1AA, account 40012345'")
    lab.play("support-bundle")
    text = (lab.inventory / "reports" / "support-ims1.txt").read_text(encoding="utf-8")
    for wanted in ("pg_lsclusters", "ims-web@demo.service", "5441", lab.version):
        assert wanted in text, f"{wanted} is not in the bundle"
    for gone in ("jo.bloggs", "SW1A 1AA", "40012345", "first@demo.example"):
        assert gone not in text, f"{gone} is in the bundle"
    return f"{len(text) // 1024} kB"


def keeps_secrets(lab: Lab) -> str:
    """No secret is in a unit, an environment, an argument or the journal"""
    secrets = lab.ssh(
        "cat /etc/ims/councils/demo/secrets/SECRET_KEY; echo; "
        "sed -E 's#.*:([^@]+)@.*#\\1#' /etc/ims/councils/demo/secrets/DATABASE_URL; echo; "
        "sed -n 's/^repo1-cipher-pass=//p' /etc/pgbackrest/conf.d/demo.conf"
    ).split()
    places = {
        "units": "systemctl show '*'",
        "processes": "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
        "journal": "journalctl --no-pager",
        "database log": "cat /var/log/postgresql/*",
        "support bundle": "cat $(ims-support-bundle)",
    }
    assert len(secrets) == 3
    secrets += [EMAIL, PAYMENT_KEY, MESSAGES_KEY, DIRECTORY_SECRET]
    for place, command in places.items():
        found = lab.ssh(command, check=False)
        assert not any(secret in found for secret in secrets), f"a secret is in {place}"
    return f"{len(secrets)} secrets looked for in {len(places)} places"


def rebuilds(lab: Lab) -> str:
    """The server is lost; a new one is built from the repository alone"""
    before = totals(lab)
    lab.ssh("runuser -u postgres -- psql -p 5441 -qXAtc 'SELECT pg_switch_wal()' && sleep 3")
    kept = lab.work / "repository.tar"
    # The repository stands for storage elsewhere: it outlives the host, and nothing else does.
    with kept.open("wb") as target:
        target.write(lab.pipe("tar -C /srv -c ims-backup"))
    lab.hosts("renew", "ims1")
    lab.ssh("useradd --system --user-group --home-dir /var/lib/postgresql postgres")
    lab.pipe("tar -C /srv -x", kept.read_bytes())
    played = lab.play("site", "-e", "replace_lost_server=true")
    assert totals(lab) == before, f"{before} became {totals(lab)}"
    return f"{played.seconds:.0f} s; {before}"


def counted(people: Load) -> str:
    """What the load saw; raises when anybody was refused."""
    assert people.asked >= ENOUGH, f"only {people.asked} requests"
    assert not people.refused, f"{len(people.refused)} of {people.asked} refused: {people.refused[:3]}"
    return f"{people.asked} requests, 0 refused, slowest {people.slowest:.2f} s"


def running(lab: Lab) -> str:
    """The version the council runs."""
    return lab.ssh("basename $(readlink /opt/ims/councils/demo/release)")


STEPS = [
    refuses,
    installs,
    installs_again,
    check_mode,
    signs_in,
    posts_a_bank_file,
    restarts_under_load,
    refuses_a_damaged_release,
    refuses_a_strangers_release,
    upgrades_under_load,
    rolls_back_under_load,
    restores,
    rehearses,
    rotates_secrets,
    hands_settings_over,
    refuses_unfit_settings,
    survives_a_restart,
    logs_no_searches,
    bundles_for_support,
    keeps_secrets,
    rebuilds,
]
