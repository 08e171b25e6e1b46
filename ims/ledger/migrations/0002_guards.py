"""The ledger's promises, kept by the database."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [from_file("ims.ledger", "guards.sql", undo="guards_undo.sql")]
