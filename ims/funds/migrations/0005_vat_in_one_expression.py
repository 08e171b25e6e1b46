"""The VAT within an amount, as an expression that PostgreSQL can put into the statement that asks for it."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("funds", "0004_write_off_funds")]

    operations = [from_file("ims.funds", "vat_inline.sql", undo="vat.sql")]
