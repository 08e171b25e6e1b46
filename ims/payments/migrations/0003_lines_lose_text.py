from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_guards"), ("audit", "0004_erasure_keys")]

    operations = [from_file("ims.payments", "lines_lose_text.sql", undo="lines_lose_text_undo.sql")]
