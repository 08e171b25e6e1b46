from ims.common.sql import from_file
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("audit", "0002_event_seals"),
    ]

    operations = [
        from_file("ims.audit", "erasures.sql", undo="erasures_undo.sql"),
    ]
