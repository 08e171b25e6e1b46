from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ims.ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        from ims.ledger import approving

        approving.register()
