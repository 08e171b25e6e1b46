"""Daily totals by office too, so that a person limited to some offices reads them as fast as anybody.

They are derived from the entries: emptied here, and added up anew in the next migration.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("funds", "0001_initial"), ("ledger", "0005_periods_keep_entries")]

    operations = [
        migrations.AlterModelOptions(
            name="entry",
            options={
                "default_permissions": ("view",),
                "ordering": ["-received_on", "-id"],
                "permissions": [
                    ("see_payer_details", "Can see who paid: names and narratives")
                ],
                "verbose_name_plural": "entries",
            },
        ),
        migrations.RunSQL("DELETE FROM ledger_dailytotal", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="dailytotal", name="daily_total_once"),
        migrations.AddField(
            model_name="dailytotal",
            name="office",
            field=models.ForeignKey(
                db_index=False,
                default="",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="funds.office",
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="dailytotal",
            constraint=models.UniqueConstraint(
                fields=("accounting_date", "fund", "method_of_payment", "office", "kind"), name="daily_total_once"
            ),
        ),
    ]
