"""Files are compared with those of the same days, of their profile or their bank account."""
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imports', '0004_references_in_sets'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='importrow',
            name='row_content',
        ),
        migrations.AddField(
            model_name='importbatch',
            name='first_day',
            field=models.DateField(blank=True, help_text='The earliest day of its rows.', null=True),
        ),
        migrations.AddField(
            model_name='importbatch',
            name='last_day',
            field=models.DateField(blank=True, help_text='The latest day of its rows.', null=True),
        ),
        migrations.AddField(
            model_name='importrow',
            name='across',
            field=models.UUIDField(help_text='Digest of what the bank says of the money, alike in every file of the account.', null=True),
        ),
        migrations.RunSQL(
            "UPDATE imports_importbatch b SET first_day = d.first_day, last_day = d.last_day FROM ("
            " SELECT batch_id, min(received_on) AS first_day, max(received_on) AS last_day"
            " FROM imports_importrow GROUP BY batch_id) AS d WHERE d.batch_id = b.id",
            migrations.RunSQL.noop,
        ),
    ]
