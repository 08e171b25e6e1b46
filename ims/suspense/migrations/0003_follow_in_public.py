"""The functions that follow the ledger look for tables in the schema, never among a session's temporary ones."""

from django.db import migrations

FUNCTIONS = ("ims_suspense_follow(bigint[], ledger_posting)", "ims_suspense_after_entries()")


class Migration(migrations.Migration):
    dependencies = [("suspense", "0002_follow_ledger")]

    operations = [
        migrations.RunSQL(
            [f"ALTER FUNCTION {function} SET search_path = public, pg_temp" for function in FUNCTIONS],
            [f"ALTER FUNCTION {function} RESET search_path" for function in FUNCTIONS],
        )
    ]
