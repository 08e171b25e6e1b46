from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_conflicts_of_duties"), ("audit", "0004_erasure_keys")]

    operations = [from_file("ims.approvals", "requests_lose_text.sql", undo="requests_lose_text_undo.sql")]
