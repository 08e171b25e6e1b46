"""What the database itself promises about card payments."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("ledger", "0005_periods_keep_entries")]

    operations = [from_file("ims.payments", "guards.sql", undo="guards_undo.sql")]
