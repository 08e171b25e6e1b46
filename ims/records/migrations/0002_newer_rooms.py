from django.db import migrations, models

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0001_initial"),
        ("audit", "0005_historyseal"),
    ]

    operations = [
        migrations.AlterField(model_name="erasure", name="row_key", field=models.TextField()),
        migrations.AddField(
            model_name="subjectrequest",
            name="telephone",
            field=models.CharField(blank=True, default="", max_length=40, verbose_name="telephone number"),
        ),
        migrations.AddField(
            model_name="historicalsubjectrequest",
            name="telephone",
            field=models.CharField(blank=True, default="", max_length=40, verbose_name="telephone number"),
        ),
        from_file("ims.records", "erasing_more.sql", undo="erasing_more_undo.sql"),
    ]
