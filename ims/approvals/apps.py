from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ApprovalsConfig(AppConfig):
    name = "ims.approvals"
    verbose_name = "Approvals and limits"

    def ready(self) -> None:
        from ims.approvals import duties, records, seed
        from ims.approvals.models import Conflict, Limit

        records.register_kind(
            "approvals.limits",
            label="Limit or conflict of duties",
            limit_label="Changes of limits and of conflicts of duties",
        )
        records.guard(Limit, "approvals.limits")
        records.guard(
            Conflict,
            "approvals.limits",
            harmless=("name", "why", "compensating_control"),
            facts=lambda conflict: [("Who holds both now", duties.how_many_hold(conflict))],
        )
        post_migrate.connect(seed.suggest_after_migrate, dispatch_uid="ims.approvals.limits")
