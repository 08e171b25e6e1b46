"""The OpenAPI file with what is known to be wrong in it put right, so that the judge judges the real API.

Each correction names the number of its slip in `docs/architecture/decisions` on card payments: the file itself stays as
it was published.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).resolve().parents[1] / "contracts" / "govuk-pay-publicapi.json"


def patched() -> dict[str, Any]:
    """The contract, corrected."""
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))
    schemas, paths = contract["components"]["schemas"], contract["paths"]
    # Metadata is a flat map of string, number or boolean.
    schemas["ExternalMetadata"] = {
        "type": "object",
        "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
    }
    # Parameters of links to post are strings.
    schemas["PostLink"]["properties"]["params"] = {"type": "object", "additionalProperties": {"type": "string"}}
    # Every member of card_details may be null.
    for name in ("CardDetails", "CardDetailsFromResponse"):
        for member, described in schemas[name]["properties"].items():
            schemas[name]["properties"][member] = _nullable(described, schemas)
    for name in ("PaymentDetailForSearch", "PaymentWithAllLinks"):
        schemas[name]["properties"]["authorisation_mode"]["enum"].append("agreement")
        schemas[name]["properties"]["agreement_id"] = {"type": "string"}
    # A return address is needed for payments on the web only.
    request = schemas["CreateCardPaymentRequest"]
    request["required"] = [name for name in request.get("required", []) if name != "return_url"]
    create = paths["/v1/payments"]["post"]["responses"]
    for status in ("403", "409"):
        create[status] = copy.deepcopy(create["400"])
    create["200"] = copy.deepcopy(create["201"])
    # A refund answers 202 with the refund; 400 and 403 exist; 412 has a body.
    refund = paths["/v1/payments/{paymentId}/refunds"]["post"]["responses"]
    refund["202"] = copy.deepcopy(refund.pop("200"))
    for status in ("400", "403", "412"):
        refund[status] = copy.deepcopy(create["400"])
    # Searches say 404 for a page past the end.
    for path in ("/v1/payments", "/v1/refunds", "/v1/disputes"):
        paths[path]["get"]["responses"]["404"] = copy.deepcopy(create["400"])
    paths["/v1/refunds"]["get"]["responses"]["429"] = copy.deepcopy(create["400"])
    # An answer always has what makes it one.
    for name in ("CreatePaymentResult", "PaymentWithAllLinks", "PaymentDetailForSearch"):
        schemas[name]["required"] = ["payment_id", "amount", "state", "reference", "created_date"]
    schemas["Refund"]["required"] = ["refund_id", "amount", "status"]
    return contract


def _nullable(described: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in described:
        # Written out: beside a reference, `nullable` would count for nothing.
        described = copy.deepcopy(schemas[described["$ref"].rsplit("/", 1)[-1]])
    return {**described, "nullable": True}
