"""A routing rule run over what is in suspense already: between the imports room, which has rules, and suspense."""

from __future__ import annotations

from django.db import connection
from psycopg import sql

from ims.audit.actors import Actor
from ims.imports.models import RoutingRule
from ims.imports.routing_sql import condition_sql
from ims.imports.weighing import as_rule
from ims.suspense import selectors
from ims.suspense.allocation import Proposal

MOST_PROPOSED = 200

_OPEN = sql.SQL(
    """
    SELECT s.id, e.amount, e.received_on, e.narrative, e.payer_name, e.account_reference AS reference,
           e.source_reference AS bank_reference, e.method_of_payment_id AS method_of_payment, e.office_id AS office,
           e.vat_code_id AS vat_code, '' AS fund, '' AS end_to_end, '' AS type_code, 'receipt' AS kind, '' AS account
    FROM suspense_suspenseitem s JOIN ledger_entry e ON e.id = s.entry_id WHERE s.state = 'open' AND s.remaining > 0
    """
)


def proposals_of(actor: Actor, rule: RoutingRule) -> list[Proposal]:
    """Where `rule`, saved or not, would have sent receipts that are in suspense now; the first `MOST_PROPOSED`.

    The bank's own codes are not kept with an entry: a rule that asks for them finds nothing here.
    """
    plain = as_rule(rule)
    if "fund" not in plain.actions:
        return []
    query = sql.SQL("SELECT r.id FROM ({open}) AS r WHERE {fires} ORDER BY r.received_on, r.id LIMIT {most}").format(
        open=_OPEN, fires=condition_sql(plain), most=sql.Literal(MOST_PROPOSED)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = [row[0] for row in cursor.fetchall()]
    items = selectors.items_for(actor).in_bulk(found)
    return [
        Proposal(
            item=key,
            fund=plain.actions["fund"],
            account_reference=plain.actions.get("reference") or items[key].entry.account_reference,
            narrative=plain.actions.get("narrative", ""),
        )
        for key in found
        if key in items
    ]
