from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "ims.payments"
    verbose_name = "Card payments"

    def ready(self) -> None:
        from ims.payments import approving, tasks  # noqa: F401 - the jobs register themselves

        approving.register()
