"""No secret stands in the repository: detect-secrets over every tracked file, against a short list of what is none.

    IMS_WRITE_SECRETS=1 .venv/bin/python -m pytest tests/security/test_secrets.py

writes the list anew; read the difference before committing it: each entry is a claim that the text is no secret.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_name("not_secrets.json")
PLUGINS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "JwtTokenDetector",
    "KeywordDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector",
    "SendGridDetector", "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
"""All but the two that look for what seems random: hashes of libraries and of seals are random, and no secrets."""
_LOCKS = re.compile(r"^requirements/.*\.txt$|\.min\.(?:js|css)$|\.(?:png|woff2|svg)$")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so there is no list of what would be published")
    names = [name for name in listed.stdout.decode().split("\0") if name and not _LOCKS.search(name)]
    return [name for name in names if (ROOT / name).is_file() and (ROOT / name).stat().st_size < 1_000_000]


def found(names: list[str]) -> dict[str, list[str]]:
    """What looks like a secret, by file: the kind of secret and the hash of the text, never the text itself."""
    settings = {
        "plugins_used": [{"name": name} for name in PLUGINS],
        "filters_used": [
            {"path": "detect_secrets.filters.heuristic.is_templated_secret"},
            {"path": "detect_secrets.filters.heuristic.is_indirect_reference"},
            {"path": "detect_secrets.filters.heuristic.is_not_alphanumeric_string"},
            {"path": "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign"},
            {"path": "detect_secrets.filters.heuristic.is_sequential_string"},
            {"path": "detect_secrets.filters.heuristic.is_potential_uuid"},
        ],
    }
    with transient_settings(settings):
        secrets = SecretsCollection(root=str(ROOT))
        for name in names:
            secrets.scan_file(name)
        kept: dict[str, set[str]] = {}
        for name, secret in secrets:
            if secret.type == "Secret Keyword" and name.startswith(("tests/", "deploy/tests/")):
                continue  # a test's people have passwords
            kept.setdefault(name, set()).add(f"{secret.type}: {secret.secret_hash}")
    return {name: sorted(kept[name]) for name in sorted(kept)}


def test_nothing_that_looks_like_a_secret_is_new():
    now = found([name for name in tracked() if name != str(BASELINE.relative_to(ROOT))])
    if os.environ.get("IMS_WRITE_SECRETS") == "1":
        BASELINE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    known = json.loads(BASELINE.read_text(encoding="utf-8"))
    new = {name: sorted(set(what) - set(known.get(name, []))) for name, what in now.items()}
    assert {name: what for name, what in new.items() if what} == {}, "take it out, or claim in the list that it is none"


def test_a_secret_would_be_found(tmp_path):
    made = "AKIA" + "IOSFODNN7EXAMPLE".replace("EXAMPLE", "Q4T2WZX")
    path = ROOT / "var" / f"secret-{os.getpid()}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'key = "{made}"\n', encoding="utf-8")
    try:
        assert found([str(path.relative_to(ROOT))]) != {}
    finally:
        path.unlink()
