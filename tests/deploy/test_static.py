"""What can be said of the kit without a host: it is clean, every variable is declared, every document is true."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="needs the kit's own environment: make test-deploy-static")

REPOSITORY = Path(__file__).resolve().parents[2]
KIT = REPOSITORY / "deploy" / "ansible"
ROLES = sorted(path for path in (KIT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = sorted((KIT / "playbooks").glob("*.yml"))
SUPPORT = REPOSITORY / "docs" / "support-model"
DOCUMENTS = [
    *sorted(SUPPORT.rglob("*.md")),
    *sorted((REPOSITORY / "docs" / "architecture").glob("deployment*.md")),
    REPOSITORY / "docs" / "architecture" / "operations.md",
    REPOSITORY / "deploy" / "ansible" / "README.md",
    REPOSITORY / "deploy" / "release" / "README.md",
    REPOSITORY / "deploy" / "tests" / "README.md",
]
TOOLS = Path(sys.executable).parent
NAMES = {"ims-web", "ims-worker", "ims-release", "ims-inventory"}
"""Of services, of what signatures are for, and of folders: not programmes."""
PROGRAMMES = {path.name for path in KIT.glob("roles/*/files/ims-*") if "." not in path.name and "@" not in path.name}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (TOOLS / name).exists():
        pytest.skip(f"{name} is not installed beside this Python: make test-deploy-static")
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}", "ANSIBLE_CONFIG": "ansible.cfg"}
    return subprocess.run([name, *arguments], cwd=KIT, env=environment, capture_output=True, text=True)


def test_lint_finds_nothing_under_its_strictest_profile():
    done = tool("ansible-lint", "--offline", "--nocolor", "--profile", "production")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("inventory", ["single", "managed"])
def test_every_playbook_reads_with_every_inventory(inventory: str):
    playbooks = [str(playbook) for playbook in PLAYBOOKS]
    done = tool("ansible-playbook", "--syntax-check", "-i", f"inventories/{inventory}/hosts.yml", *playbooks)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_built_in_modules_are_used():
    named = {
        match
        for path in KIT.rglob("*.yml")
        for match in re.findall(r"^\s*(?:- )?((?:community|ansible)\.[a-z_]+\.[a-z_]+):", read(path), flags=re.M)
    }
    assert named
    assert not {name for name in named if not name.startswith("ansible.builtin.")}


def options(role: Path) -> Iterator[tuple[str, dict]]:
    specs = yaml.safe_load(read(role / "meta" / "argument_specs.yml"))["argument_specs"]
    for facts in specs.values():
        yield from facts.get("options", {}).items()


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_defaults_and_argument_specs_name_the_same_variables(role: Path):
    declared = dict(options(role))
    defaults = role / "defaults" / "main.yml"
    given = yaml.safe_load(read(defaults)) if defaults.exists() else {}
    assert set(given) <= set(declared)
    needing = {name for name, facts in declared.items() if not facts.get("required")}
    assert needing <= set(given), f"no default: {needing - set(given)}"
    for name, facts in declared.items():
        if "default" in facts:
            assert given[name] == facts["default"], f"{name} has two defaults"


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_every_variable_has_a_sentence(role: Path):
    for name, facts in options(role):
        described = facts["description"]
        words = " ".join(described) if isinstance(described, list) else described
        assert words.endswith("."), name


def test_a_councils_defaults_are_those_its_spec_names():
    spec = dict(options(KIT / "roles" / "ims_preflight"))["ims_councils"]["options"]
    given = yaml.safe_load(read(KIT / "playbooks" / "group_vars" / "all.yml"))["ims_council_defaults"]
    assert given == {name: facts["default"] for name, facts in spec.items() if "default" in facts}


def test_the_page_of_variables_is_up_to_date():
    command = [sys.executable, str(REPOSITORY / "deploy" / "describe-variables"), "--check"]
    assert subprocess.run(command).returncode == 0, "run deploy/describe-variables"


def alerts() -> dict[str, str]:
    rules = yaml.safe_load(read(KIT / "roles/ims_monitoring/files/alerts.yml"))["groups"]
    return {rule["alert"]: rule["labels"]["runbook"] for group in rules for rule in group["rules"]}


def checks_of_verify() -> set[str]:
    """The runbook each `Check(...)` of the outside look names: its last argument."""
    tree = ast.parse(read(KIT / "roles/ims_verify/files/outside.py"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Check"]
    assert calls
    return {ast.literal_eval(call.args[-1]) for call in calls}


def test_every_alert_has_exactly_one_runbook_and_every_runbook_an_alert():
    pages = {path.stem for path in (SUPPORT / "runbooks" / "alerts").glob("*.md")}
    named = list(alerts().values())
    assert len(named) == len(set(named)), "two alerts share a page"
    assert set(named) | checks_of_verify() == pages


def test_every_alert_is_walked_on_a_host():
    tree = ast.parse(read(REPOSITORY / "deploy" / "tests" / "scenarios" / "alerts.py"))
    walks = {
        node.targets[0].id: {ast.literal_eval(key) for key in node.value.keys}
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    }["WALKS"]
    assert walks == {path.stem for path in (SUPPORT / "runbooks/alerts").glob("*.md")}


def test_no_secret_part_of_an_address_is_logged():
    configuration = read(KIT / "roles/ims_web/templates/nginx.conf.j2")
    pattern = re.search(r"^ +~(\^\(\?<ims_before>.*) \"\$\{ims_before\}\.\.\.\";$", configuration, flags=re.M)
    assert pattern
    hidden = re.compile(pattern[1].replace("?<", "?P<"))
    for path in ("/account/link/", "/pay/link/", "/pay/order/", "/pay/result/", "/pay/status/"):
        assert hidden.match(f"{path}kept:secret/again/")["ims_before"] == path
    for path in ("/receipts/", "/pay/for/council-tax/", "/account/sign-in/", "/imports/12/", "/api/v1/payments/7"):
        assert not hidden.match(path), path


def test_every_measurement_an_alert_uses_is_measured():
    measured = set(re.findall(r"\bims_[a-z_]+", read(KIT / "roles/ims_monitoring/files/ims-measure")))
    used = set(re.findall(r"\bims_[a-z_]+", read(KIT / "roles/ims_monitoring/files/alerts.yml")))
    assert used
    assert used <= measured


def slugs(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_resolves(document: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if target.startswith(("https:", "mailto:")):
            continue
        name, _, part = target.partition("#")
        found = (document.parent / name).resolve() if name else document
        assert found.exists(), target
        assert not part or part in slugs(read(found)), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_command_and_playbook_named_exists(document: Path):
    text = read(document)
    code = " \n".join(re.findall(r"`([^`]+)`", text, flags=re.S) + re.findall(r"^(?: {4,}.+)$", text, flags=re.M))
    named = set(re.findall(r"\b([a-z]+(?:-[a-z]+)*)\.yml\b", code))
    assert named <= {path.stem for path in KIT.rglob("*.yml")} | {"vault"}, named
    programmes = set(re.findall(r"(?<![@/\w-])(ims-[a-z-]+)(?![@\w-])", code)) - {
        "ims-web",
        "ims-worker",
        "ims-release",
        "ims-inventory",
    }
    assert programmes <= PROGRAMMES | {"ims-measure"}, programmes - PROGRAMMES
    commands = set(re.findall(r"(?:^|[\s`(])(?:ims|ims-manage (?:CODE|[a-z]+)) ([a-z][a-z-]*)", code))
    assert commands <= own_commands() | {"check-reference", "migrate", "shell"}, commands


def own_commands() -> set[str]:
    tree = ast.parse(read(REPOSITORY / "ims" / "command_line" / "catalogue.py"))
    tables = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    ]
    return {key.value for table in tables for key in table.keys if isinstance(key, ast.Constant)}


def test_nothing_secret_reaches_a_unit_or_an_argument():
    for path in KIT.rglob("*"):
        if path.suffix in {".service", ".timer", ".socket"}:
            assert "PASSWORD" not in read(path).upper().replace("_FILE", "")
    for path in KIT.glob("roles/*/tasks/*.yml"):
        for task in flat(yaml.safe_load(read(path)) or []):
            if "ims_secrets_values" in str({key: value for key, value in task.items() if key != "name"}):
                assert task.get("no_log") is True, f"{path.name}: {task.get('name')}"


def test_files_with_secrets_are_placed_without_a_word():
    """A list of files that holds a secret one is given to the host by a task that logs nothing."""
    for role in ROLES:
        lists = yaml.safe_load(read(role / "vars" / "main.yml")) if (role / "vars" / "main.yml").exists() else {}
        secret = [
            name for name, files in lists.items() if isinstance(files, list) and any("secret" in f for f in files)
        ]
        tasks = [task for path in role.glob("tasks/*.yml") for task in flat(yaml.safe_load(read(path)) or [])]
        for name in secret:
            placing = [task for task in tasks if name in str(task)]
            assert placing, name
            assert all(task.get("no_log") is True for task in placing), name


def flat(tasks: list[dict]) -> Iterator[dict]:
    for task in tasks:
        parts = [task[name] for name in ("block", "rescue", "always") if name in task]
        if parts:
            for part in parts:
                yield from flat(part)
        else:
            yield task
