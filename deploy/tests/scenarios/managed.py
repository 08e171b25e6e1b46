"""Several councils on one host. Runs after `single`, on the same host, or sets the first council up itself."""

from __future__ import annotations

import json

from support.lab import Lab

PORTS = {"demo": 5441, "north": 5442, "east": 5443}


def adds_councils(lab: Lab) -> str:
    """Two councils are added to a host that runs one; again, nothing changes"""
    lab.write_council("north", PORTS["north"])
    lab.write_council("east", PORTS["east"])
    first = lab.play("council-add", "-e", "council=north")
    lab.play("council-add", "-e", "council=east")
    again = lab.play("site")
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
    keys = lab.ssh("grep --no-filename cipher-pass /etc/pgbackrest/conf.d/*.conf").splitlines()
    assert len(set(keys)) == len(PORTS)
    return f"{len(tries) + 3} ways tried"


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


def exports_and_retires(lab: Lab) -> str:
    """One council is exported, the export proved, and the council retired without a trace but its backups"""
    refused = lab.play("council-retire", "-e", "council=east", "-e", "confirm=east", expect=2)
    assert "is open. Suspend it first" in " ".join(refused.text.split())
    lab.play("council-suspend", "-e", "council=east")
    refused = lab.play("council-retire", "-e", "council=east", "-e", "confirm=east", expect=2)
    assert "There is no proved export" in " ".join(refused.text.split())
    lab.play("council-export", "-e", "council=east")
    proof = json.loads((lab.inventory / "exports" / "ims-export-east.proof.json").read_text(encoding="utf-8"))
    assert proof["proved"]
    assert (lab.inventory / "exports" / "ims-export-east.tar.gz").stat().st_size > 10_000
    lab.play("council-retire", "-e", "council=east", "-e", "confirm=east")
    left = lab.ssh(
        "find / -xdev -name '*east*' -not -path '/proc/*' -not -path '*/site-packages/*' -not -path '/usr/*'"
    )
    strays = [
        path
        for path in left.splitlines()
        if not path.startswith(("/srv/ims-backup", "/var/log", "/etc/ims/monitoring"))
    ]
    assert not strays, strays
    again = lab.play("site")
    return f"{proof['rows']} rows proved; site afterwards: {again.changed} changes"


STEPS = [adds_councils, isolates, upgrades_one, suspends_and_resumes, restores_one, exports_and_retires]
