"""What an entry names exists: promised for each statement instead of each row (sql/references.sql)."""
import django.db.models.deletion
from django.db import migrations, models

from ims.common.sql import from_file


class Migration(migrations.Migration):

    dependencies = [
        ('funds', '0005_vat_in_one_expression'),
        ('ledger', '0009_limits'),
    ]

    operations = [
        migrations.AlterField(
            model_name='entry',
            name='corrects',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='The entry this one takes money from, or gives it back to.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='ledger.entry'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='fund',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='funds.fund'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='method_of_payment',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='funds.methodofpayment'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='office',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='funds.office'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='posting',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='ledger.posting'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='vat_code',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='funds.vatcode'),
        ),
        from_file("ims.ledger", "references.sql", undo="references_undo.sql"),
    ]
