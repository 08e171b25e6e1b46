from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RecordsConfig(AppConfig):
    name = "ims.records"
    verbose_name = "Records and retention"

    def ready(self) -> None:
        from ims.ledger.evidence import register_disposals
        from ims.records import approving, seed, selectors

        approving.register()
        register_disposals(selectors.certified_entries)
        post_migrate.connect(seed.suggest_after_migrate, sender=self, dispatch_uid="ims.records.seed")
