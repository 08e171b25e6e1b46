"""What the rows of a file name exists: promised for each statement instead of each row (sql/references.sql)."""
import django.db.models.deletion
from django.db import migrations, models

from ims.common.sql import from_file


class Migration(migrations.Migration):

    dependencies = [
        ('imports', '0003_batchshare'),
        ('ledger', '0010_references_in_sets'),
    ]

    operations = [
        migrations.AlterField(
            model_name='importrow',
            name='batch',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='imports.importbatch'),
        ),
        migrations.AlterField(
            model_name='importrow',
            name='posting',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='When posted by itself.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.posting'),
        ),
        from_file("ims.imports", "references.sql", undo="references_undo.sql"),
    ]
