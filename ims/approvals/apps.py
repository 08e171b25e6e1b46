from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ApprovalsConfig(AppConfig):
    name = "ims.approvals"
    verbose_name = "Approvals and limits"

    def ready(self) -> None:
        from ims.approvals import seed

        post_migrate.connect(seed.suggest_after_migrate, dispatch_uid="ims.approvals.limits")
