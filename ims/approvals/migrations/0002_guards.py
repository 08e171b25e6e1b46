"""The promises about requests, kept by the database."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]

    operations = [from_file("ims.approvals", "guards.sql", undo="guards_undo.sql")]
