from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AssuranceConfig(AppConfig):
    name = "ims.assurance"
    verbose_name = "Assurance"

    def ready(self) -> None:
        from ims.assurance import indexes

        post_migrate.connect(indexes.index_after_migrate, dispatch_uid="ims.assurance.indexes")
