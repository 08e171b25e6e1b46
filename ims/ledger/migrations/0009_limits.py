"""Moving money over a limit needs an approval, whoever writes the posting."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0008_approvals_of_postings"),
        ("funds", "0004_write_off_funds"),
        ("people", "0001_initial"),
    ]

    operations = [from_file("ims.ledger", "limits.sql", undo="limits_undo.sql")]
