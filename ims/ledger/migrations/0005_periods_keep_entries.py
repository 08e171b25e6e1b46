"""A period that holds entries keeps its dates and stays."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_guards_look_in_public")]

    operations = [from_file("ims.ledger", "periods.sql", undo="periods_undo.sql")]
