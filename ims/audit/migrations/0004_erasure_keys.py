from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_erasures")]

    operations = [from_file("ims.audit", "erasure_keys.sql", undo="erasure_keys_undo.sql")]
