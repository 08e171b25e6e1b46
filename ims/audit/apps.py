from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "ims.audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from ims.audit import history, protection

        history.connect()
        post_migrate.connect(protection.protect_after_migrate, dispatch_uid="ims.audit.protection")
