"""Items follow the ledger; accounts are found by the letters and digits of their reference."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("suspense", "0001_initial"), ("accounts", "0001_initial"), ("ledger", "0001_initial")]

    operations = [
        from_file("ims.suspense", "follow_ledger.sql", undo="follow_ledger_undo.sql"),
        from_file("ims.suspense", "account_key.sql", undo="account_key_undo.sql"),
    ]
