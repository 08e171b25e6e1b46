"""What an access review holds once it is signed off, kept by the database."""

from django.db import migrations

from ims.common.sql import from_file


class Migration(migrations.Migration):
    dependencies = [("access", "0001_scopes_and_reviews")]

    operations = [from_file("ims.access", "reviews.sql", undo="reviews_undo.sql")]
