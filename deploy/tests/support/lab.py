"""One lab: hosts, an inventory for them, two releases, and the playbooks run as a council's engineer runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
ANSIBLE = REPOSITORY / "deploy" / "ansible"
NETWORK = os.environ.get("IMS_LAB_NETWORK", "10.91.0")
"""Another one for a second lab on the same machine, with another --work."""
ADDRESSES = {"ims1": f"{NETWORK}.11", "ims2": f"{NETWORK}.12", "acme1": f"{NETWORK}.13"}
"""The hosts: the one everything is done to, one that starts empty, and one for a certificate authority."""
ADDRESS = ADDRESSES["ims1"]
_MODERN, _OLDER = Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")
SOURCES = _MODERN if _MODERN.exists() else _OLDER
"""Where this machine fetches Debian from; hosts are made from there as well."""


TOOLS = ("systemd-nspawn", "mmdebstrap", "ip", "ssh", "nsenter", "openssl")


class NoHosts(Exception):
    """This machine cannot make test hosts; the message says why."""


class NotHere(Exception):
    """A step this machine gives no chance; the message says why."""


@dataclass(frozen=True)
class Played:
    """What a run of a playbook said."""

    code: int
    text: str
    seconds: float

    @property
    def changed(self) -> int:
        """How many tasks changed something, on all hosts."""
        return sum(int(found) for found in re.findall(r"changed=(\d+)", self.text))


class Lab:
    """Test hosts and everything needed to work on them."""

    def __init__(self, work: Path, *, suite: str) -> None:
        self.work, self.suite = work, suite
        self.inventory = work / "inventory"
        self.releases: dict[str, Path] = {}
        self.key = work / "release-key"

    # -- hosts ----------------------------------------------------------------------------------------------------
    def prepare(self, *, reuse: bool = False) -> None:
        """Build the base tree (once) and the releases, write the inventory, and start the hosts.

        `reuse`: find all of that as an earlier run left it. Raises `NoHosts` when this machine cannot have them.
        """
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if os.geteuid() != 0 or missing:
            raise NoHosts(f"these are not installed: {', '.join(missing)}" if missing else "only root can make them")
        if reuse:
            self._find()
            return
        self.work.mkdir(parents=True, exist_ok=True)
        self._start_hosts()
        self._build()
        self.write_inventory(self.inventory, "ims1")
        self.write_council("demo", 5441)

    def _start_hosts(self) -> None:
        base = self.work / self.suite
        script = REPOSITORY / "deploy" / "tests" / "lab" / "base-tree.sh"
        try:
            if not base.exists():
                subprocess.run([str(script), self.suite, str(base), str(SOURCES)], check=True)
        except subprocess.CalledProcessError as failure:
            shutil.rmtree(base, ignore_errors=True)
            raise NoHosts("Debian's packages could not be fetched or unpacked; see above") from failure
        try:
            self.hosts("down")
            self.hosts("up", *ADDRESSES)
        except subprocess.CalledProcessError as failure:
            self.hosts("down")
            raise NoHosts("no host would start; see above") from failure

    def hosts(self, *arguments: str) -> None:
        script = REPOSITORY / "deploy" / "tests" / "lab" / "hosts.sh"
        environment = {**os.environ, "LAB": str(self.work / "lab"), "BASE": str(self.work / self.suite)}
        environment |= {"NETWORK": NETWORK, "BRIDGE": f"lab{NETWORK.split('.')[1]}"}
        # Its hosts outlive it, so nothing of theirs may be waited for.
        subprocess.run([str(script), *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)

    def down(self) -> None:
        """Remove the hosts and their network."""
        self.hosts("down")

    def _build(self) -> None:
        """This release and the next, both at once, signed by the lab's own key."""
        shutil.rmtree(self.work / "dist", ignore_errors=True)
        if not self.key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        self.version = project["project"]["version"]
        self.next_version = re.sub(r"\d+$", lambda last: str(int(last.group()) + 1), self.version)
        command = [
            str(REPOSITORY / "deploy" / "build-release"),
            "--output",
            str(self.work / "dist"),
            "--key",
            str(self.key),
        ]
        builds = [
            subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)
            for more in ([], ["--as-version", self.next_version])
        ]
        built = [build.communicate()[0].strip() for build in builds]
        assert not any(build.returncode for build in builds), "a release could not be built"
        self.releases = {self.version: Path(built[0]), self.next_version: Path(built[1])}

    def _find(self) -> None:
        built = sorted((self.work / "dist").glob("ims-*.tar.gz"))
        self.releases = {path.name.removeprefix("ims-").removesuffix(".tar.gz"): path for path in built}
        self.version, self.next_version = self.releases

    # -- inventory ------------------------------------------------------------------------------------------------
    def write_inventory(self, folder: Path, name: str) -> None:
        """An inventory of one host, without councils."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "group_vars" / "all").mkdir(parents=True)
        (folder / "councils").mkdir()
        host = {"ansible_host": ADDRESSES[name], "ansible_user": "root"}
        groups = {group: {"hosts": {name: None}} for group in ("ims_database", "ims_application", "ims_web")}
        hosts = {"all": {"children": groups, "hosts": {name: host}}}
        (folder / "hosts.yml").write_text(json.dumps(hosts), encoding="utf-8")
        settings = {
            "ims_release_archive": str(self.releases[self.version]),
            "ims_release_signers": [Path(f"{self.key}.pub").read_text(encoding="ascii").strip()],
            "ims_firewall_administration_networks": [f"{NETWORK}.0/24"],
            "ims_firewall_monitoring_networks": [f"{NETWORK}.0/24"],
            "ims_base_time_servers": [f"{NETWORK}.1"],
            # The host has every package in its cache and no network to refresh the lists from.
            "ims_base_package_lists_fresh_seconds": 10**9,
            "ims_backup_repository_path": "/srv/ims-backup",
            "ansible_ssh_private_key_file": str(self.work / "lab" / "id"),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
        }
        (folder / "group_vars" / "all" / "main.yml").write_text(json.dumps(settings), encoding="utf-8")

    def change_settings(self, **changes: object) -> None:
        """Change what the inventory says of the whole installation."""
        path = self.inventory / "group_vars" / "all" / "main.yml"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    def write_council(self, code: str, port: int, *, inventory: Path | None = None, **changes: object) -> None:
        """Describe a council, as its file in the inventory does."""
        council = {
            "code": code,
            "name": f"{code.capitalize()} Council",
            "hostname": f"income.{code}.example",
            "database_port": port,
            "administrator": {"username": "first", "name": "First Administrator", "email": f"first@{code}.example"},
            **changes,
        }
        lines = "\n".join(f"{name}: {json.dumps(value)}" for name, value in council.items())
        folder = (inventory or self.inventory) / "councils"
        (folder / f"{code}.yml").write_text(f"---\n{lines}\n", encoding="utf-8")

    def add_to_vault(self, code: str, text: str) -> None:
        """What a person does to a council's secrets with ansible-vault edit."""
        vault = self.inventory / "secrets" / f"{code}.vault.yml"
        password = ["--vault-password-file", str(self.inventory / "vault-passwords" / code)]
        program = str(REPOSITORY / ".venv-deploy" / "bin" / "ansible-vault")
        shown = subprocess.run([program, "view", *password, str(vault)], check=True, capture_output=True, text=True)
        command = [program, "encrypt", *password, "--output", str(vault), "-"]
        subprocess.run(command, input=f"{shown.stdout}\n{text}", check=True, capture_output=True, text=True)

    # -- acting ---------------------------------------------------------------------------------------------------
    def play(self, playbook: str, *arguments: str, expect: int | None = 0, inventory: Path | None = None) -> Played:
        """Run a playbook. Raises `AssertionError` with its last words unless it ends with the code expected."""
        program = REPOSITORY / ".venv-deploy" / "bin" / "ansible-playbook"
        command = [str(program), "-i", str((inventory or self.inventory) / "hosts.yml"), f"playbooks/{playbook}.yml"]
        environment = {**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_NOCOLOR": "1"}
        began = time.monotonic()
        done = subprocess.run(
            [*command, *arguments], cwd=ANSIBLE, env=environment, capture_output=True, text=True, timeout=1200
        )
        text = done.stdout + done.stderr
        (self.work / f"last-{playbook}.log").write_text(text, encoding="utf-8")
        assert expect in (None, done.returncode), f"{playbook} ended with {done.returncode}:\n{text[-3000:]}"
        return Played(done.returncode, text, time.monotonic() - began)

    def ssh(self, command: str, *, given: str | None = None, check: bool = True, host: str = "ims1") -> str:
        """What a command says on a host, run as root."""
        base = ["ssh", "-q", "-i", str(self.work / "lab" / "id"), "-o", "StrictHostKeyChecking=no"]
        base += ["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", f"root@{ADDRESSES[host]}", command]
        done = subprocess.run(
            base, input=given, stdin=None if given else subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def lend_disk(self, folder: str, *, megabytes: int = 64, host: str = "ims1") -> None:
        """Mount a small disk of its own at a folder of a host. It goes when it is unmounted, or with the host.

        Raises `NotHere` where this machine cannot make a file a disk.
        """
        image = self.work / "small-disk"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
            made = ["losetup", "--find", "--show", str(image)]
            device = subprocess.run(made, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError) as failure:
            raise NotHere("this machine cannot make a file a disk (loop devices)") from failure
        node = self.work / "lab" / "hosts" / host / "root" / "root" / "small-disk"
        try:
            node.unlink(missing_ok=True)
            os.mknod(node, 0o600 | stat.S_IFBLK, os.stat(device).st_rdev)
            self.ssh(f"mkdir --parents {folder} && mount -t ext4 /root/{node.name} {folder}", host=host)
        finally:
            # The kernel lets go of it when it is mounted nowhere any more.
            subprocess.run(["losetup", "--detach", device], check=True)

    def pipe(self, command: str, content: bytes = b"", *, host: str = "ims1") -> bytes:
        """What a command on a host gives for `content`, byte for byte."""
        base = ["ssh", "-q", "-i", str(self.work / "lab" / "id"), "-o", "StrictHostKeyChecking=no"]
        base += ["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", f"root@{ADDRESSES[host]}", command]
        return subprocess.run(base, input=content, capture_output=True, check=True, timeout=600).stdout

    def sql(self, council_port: int, query: str, *, host: str = "ims1") -> str:
        """One query as the database's superuser, on a host."""
        return self.ssh(f"runuser -u postgres -- psql -XAtq -p {council_port} -d ims", given=query, host=host)

    def archive(self, version: str) -> str:
        """The extra variable that names a release."""
        return f"ims_release_archive={self.releases[version]}"
