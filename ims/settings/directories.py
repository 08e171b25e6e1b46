"""The council's directories, read from the environment: what is left out is filled in, what is wrong is refused.

IMS_DIRECTORIES='[{"id": "entra", "name": "Council account", "client_id": "…",
                   "issuer": "https://login.microsoftonline.com/TENANT/v2.0"}]'
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from ims.settings.addresses import must_be_safe

_ENTRA_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")
_MANY_TENANTS = ("common", "organizations", "consumers")
_REQUIRED = ("id", "name", "issuer", "client_id")
_OPTIONAL = ("discovery", "subject_claim", "roles_claim", "scopes", "create_people", "userinfo", "form_action")


def read_directories(text: str) -> list[dict[str, Any]]:
    """The directories described by `text`, a JSON list. Raises `ValueError` with a sentence."""
    try:
        listed = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos + 1}") from error
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError("write a JSON list of objects, one for each directory")
    found = [_directory(each) for each in listed]
    ids = [each["id"] for each in found]
    if len(set(ids)) < len(ids):
        raise ValueError("two directories have the same id")
    return found


def read_secrets(text: str) -> dict[str, str]:
    """Client secrets by directory id, from a JSON object. Raises `ValueError` without repeating any."""
    try:
        secrets = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
        raise ValueError("write a JSON object: each directory's id with its client secret")
    return secrets


def described(listed: list[dict[str, Any]], secrets: dict[str, str]) -> list[dict[str, Any]]:
    """What `ims.sign_in.directories.Directory` is made of: each directory with its secret."""
    kept = []
    for each in listed:
        fields = {name: value for name, value in each.items() if name != "form_action"}
        kept.append({**fields, "client_secret": secrets.get(each["id"], "")})
    return kept


def origins(listed: list[dict[str, Any]]) -> list[str]:
    """Where the sign-in form may lead: the browser's policy names each provider."""
    found = [origin for each in listed for origin in (_origin(each["issuer"]), *each["form_action"])]
    return list(dict.fromkeys(found))


def _directory(given: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        raise ValueError(f"a directory has no “{missing[0]}”")
    unknown = sorted(set(given) - {*_REQUIRED, *_OPTIONAL})
    if unknown:
        raise ValueError(f"“{unknown[0]}” is nothing a directory has")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", given["id"]):
        raise ValueError(f"the id “{given['id']}” may hold small letters, digits and hyphens only")
    issuer = given["issuer"]
    discovery = given.get("discovery") or issuer.rstrip("/") + "/.well-known/openid-configuration"
    for address in (issuer, discovery, *given.get("form_action", [])):
        must_be_safe(address)
    host, tenant = urlsplit(issuer).hostname, urlsplit(issuer).path.strip("/").split("/")[0]
    is_entra = host in _ENTRA_HOSTS
    if is_entra and tenant.lower() in ("", *_MANY_TENANTS):
        raise ValueError("name the council's own tenant in the issuer: “common” would let in every tenant there is")
    return {
        "id": given["id"],
        "name": given["name"],
        "issuer": issuer,
        "client_id": given["client_id"],
        "discovery": discovery,
        # Entra's “sub” differs from application to application; the object id is the person.
        "subject_claim": given.get("subject_claim") or ("oid" if is_entra else "sub"),
        "roles_claim": given.get("roles_claim") or ("roles" if is_entra else "groups"),
        "scopes": tuple(given.get("scopes") or ("openid", "profile", "email")),
        "creates_people": bool(given.get("create_people", True)),
        "userinfo": bool(given.get("userinfo", False)),
        "form_action": list(given.get("form_action", [])),
    }


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
