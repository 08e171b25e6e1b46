"""Daily totals added up from the sealed entries, by office too."""

from django.db import migrations

_ADD_UP = """
INSERT INTO ledger_dailytotal
  (accounting_date, fund_id, method_of_payment_id, office_id, kind, entry_count, amount, vat_amount)
SELECT e.accounting_date, e.fund_id, e.method_of_payment_id, e.office_id, p.kind, count(*), sum(e.amount),
       sum(e.vat_amount)
FROM ledger_sealedposting s JOIN ledger_posting p ON p.id = s.posting_id JOIN ledger_entry e ON e.posting_id = p.id
GROUP BY 1, 2, 3, 4, 5
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_daily_totals_by_office")]

    operations = [migrations.RunSQL(_ADD_UP, "DELETE FROM ledger_dailytotal")]
