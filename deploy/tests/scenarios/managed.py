"""Several councils on one host. Runs after `single`, on the same host, or sets the first council up itself."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request

from support import authority
from support.browser import AuthenticatorApp, Browser, signed_out
from support.lab import Lab

from scenarios.single import PASSWORD, bring_in, totals

PORTS = {"demo": 5441, "north": 5442, "east": 5443}


def adds_councils(lab: Lab) -> str:
    """Two councils are added, one with a certificate by ACME, one with its own; again, nothing changes"""
    roots = [authority.start_acme(lab, "income.north.example", "pay.north.example")]
    roots.append(authority.provide(lab, "east", "income.east.example"))
    lab.change_settings(
        ims_verify_authorities=[str(root) for root in roots],
        ims_web_acme_directory=authority.DIRECTORY,
        ims_web_acme_authority="/etc/ssl/certs/ims-authority.crt",
    )
    public = {"public_hostname": "pay.north.example", "settings": {"IMS_LOG_LEVEL": "WARNING"}}
    lab.write_council("north", PORTS["north"], certificate="acme", **public)
    lab.write_council("east", PORTS["east"], certificate="provided")
    first = lab.play("council-add", "-e", "council=north")
    lab.play("council-add", "-e", "council=east")
    again = lab.play("site")
    issuers = {
        code: lab.ssh(f"openssl x509 -noout -issuer -in /etc/ims/certificates/{code}.crt") for code in ("north", "east")
    }
    assert "Pebble" in issuers["north"], issuers
    lab.ssh("systemctl start ims-certificates.service")
    assert again.changed == 0, again.text[-2000:]
    return f"one more council in {first.seconds:.0f} s; all again in {again.seconds:.0f} s"


def isolates(lab: Lab) -> str:
    """No council reaches another one's database, files, socket or secrets"""
    url = lab.ssh("cat /etc/ims/councils/north/secrets/DATABASE_URL").replace(
        f":{PORTS['north']}/", f":{PORTS['east']}/"
    )
    refused = lab.ssh(f"psql '{url}' -c 'SELECT 1' 2>&1", check=False)
    assert "password authentication failed" in refused, refused
    tries = {
        "files": "ls /var/lib/ims/east",
        "socket": "curl --silent --fail --unix-socket /run/ims/east.sock http://income.east.example/",
        "secrets": "cat /etc/ims/councils/east/secrets/SECRET_KEY",
        "database files": "ls /var/lib/postgresql/*/east",
        "backups": "ls /srv/ims-backup",
        "backup keys": "cat /etc/pgbackrest/conf.d/east.conf",
    }
    for what, command in tries.items():
        said = lab.ssh(f"runuser -u ims-north -- {command} && echo REACHED", check=False)
        assert "REACHED" not in said, f"north reached east's {what}"
    leader = lab.ssh("systemctl show --value --property MainPID ims-web@north.service")
    seen = lab.ssh(f"nsenter --target {leader} --mount ls /var/lib/ims")
    assert seen.split() == ["north"], seen
    user = lab.ssh("id -u ims-north")
    wrote = lab.ssh(
        f"nsenter --target {leader} --mount setpriv --reuid {user} --regid {user} --clear-groups"
        " sh -c 'touch /var/lib/ims/north/kept /srv/ims/north/kept && rm /var/lib/ims/north/kept /srv/ims/north/kept'"
        " && echo WROTE"
    )
    assert wrote == "WROTE", "north cannot write in its own folders"
    keys = lab.ssh("grep --no-filename cipher-pass /etc/pgbackrest/conf.d/*.conf").splitlines()
    assert len(set(keys)) == len(PORTS)
    return f"{len(tries) + 3} ways tried"


def keeps_sessions_apart(lab: Lab) -> str:
    """A session of one council is nothing to another"""
    trust = lab.work / "all-roots.crt"
    roots = [lab.work / "acme-root.crt", lab.work / "authority-of-east" / "authority.crt"]
    trust.write_bytes(b"".join(root.read_bytes() for root in roots))
    north, east = Browser("income.north.example", trust), Browser("income.east.example", trust)
    link = lab.ssh("cat /etc/ims/councils/north/first-administrator.txt")
    north.post(link.removeprefix("https://income.north.example"), password=PASSWORD, again=PASSWORD)
    north.add_second_factor(AuthenticatorApp(lab.work / "authenticator-of-north"))
    assert not signed_out(north.get("/")[0])
    request = urllib.request.Request("https://income.east.example/")
    request.add_header("Cookie", "; ".join(f"{cookie.name}={cookie.value}" for cookie in north.cookies))
    with east.opener.open(request, timeout=30) as answer:
        assert signed_out(answer.geturl()), answer.geturl()
    return "north's cookies, sent to east, open nothing; certificates of two other authorities verified"


def keeps_staff_pages_in(lab: Lab) -> str:
    """At a council's address for payers, the payment pages answer and nothing that staff work with"""
    payer = Browser("pay.north.example", lab.work / "all-roots.crt")
    address, page = payer.get("/")
    assert address.endswith("/pay/"), address
    assert "North Council" in page
    for inside in ("/account/sign-in/", "/receipts/", "/admin/", "/metrics", "/readyz"):
        assert refused(payer, inside) == 404, inside
    secret = "/pay/result/kept-between-payer-and-council-1729/"
    assert refused(payer, secret) == 404
    logged = lab.ssh("cat /var/log/nginx/access.log")
    assert "/pay/result/..." in logged
    assert "1729" not in logged, "the secret part of an address is in the web server's log"
    said = lab.ssh(
        "ims-manage north shell --verbosity 0", given="from django.conf import settings; print(settings.PUBLIC_ADDRESS)"
    )
    assert said == "https://pay.north.example", said
    return "certificate by ACME for both addresses"


def upgrades_one(lab: Lab) -> str:
    """One council is upgraded alone"""
    lab.play("upgrade", "-e", "council=north", "-e", lab.archive(lab.next_version))
    versions = {code: lab.ssh(f"basename $(readlink /opt/ims/councils/{code}/release)") for code in PORTS}
    assert versions == {"demo": lab.version, "north": lab.next_version, "east": lab.version}, versions
    return json.dumps(versions)


def suspends_and_resumes(lab: Lab) -> str:
    """One council is closed and opened again; the others stay open"""
    lab.play("council-suspend", "-e", "council=east")
    assert (
        lab.ssh("systemctl is-active ims-web@east.service ims-worker@east.service", check=False).split()
        == ["inactive"] * 2
    )
    assert lab.ssh("systemctl is-active ims-web@north.service") == "active"
    lab.play("council-resume", "-e", "council=east")
    assert lab.ssh("systemctl is-active ims-web@east.service") == "active"
    return "verify clean both times"


def restores_one(lab: Lab) -> str:
    """One council is taken back; the others notice nothing"""
    others = lab.ssh("systemctl show --value --property MainPID ims-web@north.service ims-web@demo.service")
    lab.play("restore-council", "-e", "council=east", "-e", "moment=latest")
    assert others == lab.ssh("systemctl show --value --property MainPID ims-web@north.service ims-web@demo.service")
    return "the others' processes are the same ones"


def exports(lab: Lab) -> str:
    """One council with a day's receipts is exported, and the export read back with equal totals"""
    bring_in(lab, "east")
    before = totals(lab, PORTS["east"])
    refused = lab.play("council-retire", "-e", "council=east", "-e", "confirm=east", expect=2)
    assert "is open. Suspend it first" in " ".join(refused.text.split())
    lab.play("council-suspend", "-e", "council=east")
    refused = lab.play("council-retire", "-e", "council=east", "-e", "confirm=east", expect=2)
    assert "There is no proved export" in " ".join(refused.text.split())
    lab.play("council-export", "-e", "council=east")
    proof = json.loads((lab.inventory / "exports" / "ims-export-east.proof.json").read_text(encoding="utf-8"))
    assert proof["proved"]
    assert (lab.inventory / "exports" / "ims-export-east.tar.gz").stat().st_size > 10_000
    assert proof["ledger_total"] == before.split("|")[1]
    return f"{before}; {proof['rows']} rows read back"


def imports_elsewhere(lab: Lab) -> str:
    """The export, loaded on an empty host of another installation, gives the same totals and verifies"""
    elsewhere = lab.work / "elsewhere"
    lab.write_inventory(elsewhere, "ims2")
    lab.write_council("east", PORTS["east"], inventory=elsewhere)
    lab.play("site", inventory=elsewhere)
    archive = lab.inventory / "exports" / "ims-export-east.tar.gz"
    played = lab.play("council-import", "-e", "council=east", "-e", f"archive={archive}", inventory=elsewhere)
    before, after = totals(lab, PORTS["east"]), totals(lab, PORTS["east"], host="ims2")
    assert before == after, f"{before} became {after}"
    again = lab.play("council-import", "-e", "council=east", "-e", f"archive={archive}", inventory=elsewhere, expect=2)
    assert "has entries in its ledger already" in again.text
    shutil.rmtree(elsewhere)
    return f"{after}, loaded and verified in {played.seconds:.0f} s"


def retires(lab: Lab) -> str:
    """One council is retired without a trace but its backups"""
    lab.play("council-retire", "-e", "council=east", "-e", "confirm=east")
    left = lab.ssh(
        "find / -xdev -name '*east*' -not -path '/proc/*' -not -path '*/site-packages/*' -not -path '/usr/*'"
    )
    strays = [
        path
        for path in left.splitlines()
        if not path.startswith(("/srv/ims-backup", "/var/log", "/etc/ims/monitoring", "/tmp/"))
    ]
    assert not strays, strays
    again = lab.play("site")
    assert again.changed == 0, again.text[-2000:]
    return "site afterwards changes nothing"


def refused(browser: Browser, path: str) -> int:
    """The status of a refusal; 200 when there was none."""
    try:
        browser.get(path)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    return 200


STEPS = [
    adds_councils,
    isolates,
    keeps_sessions_apart,
    keeps_staff_pages_in,
    upgrades_one,
    suspends_and_resumes,
    restores_one,
    exports,
    imports_elsewhere,
    retires,
]
