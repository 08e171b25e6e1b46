from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ims.ledger"
    verbose_name = "Ledger"
