"""The checks at the end of a transaction read the ledger, never a temporary table that bears its name."""

from django.db import migrations

CHECKS = ("ims_posting_is_whole", "ims_reversal_mirrors")


class Migration(migrations.Migration):
    """A session looks for tables among its own temporary ones first, so whoever may make one could show the checks a
    ledger that balances. Their search path is therefore theirs, as that of `ims_entry_after_insert` is already."""

    dependencies = [("ledger", "0003_entry_office")]

    operations = [
        migrations.RunSQL(
            [f"ALTER FUNCTION {check}() SET search_path = public, pg_temp" for check in CHECKS],
            [f"ALTER FUNCTION {check}() RESET search_path" for check in CHECKS],
        )
    ]
