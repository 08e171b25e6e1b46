from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "ims.imports"
    verbose_name = "Files and imports"

    def ready(self) -> None:
        from ims.imports import approving
        from ims.imports.services.reversing import follow_reversal
        from ims.ledger.observers import after_reversal

        approving.register()
        after_reversal(follow_reversal)
