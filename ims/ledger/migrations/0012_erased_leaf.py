from ims.common.sql import from_file
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0011_posting_kind"),
    ]

    operations = [
        from_file("ims.ledger", "erased_leaf.sql", undo="erased_leaf_undo.sql"),
    ]
