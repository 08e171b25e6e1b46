from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "ims.exports"
    verbose_name = "Exports"

    def ready(self) -> None:
        from ims.exports import approving

        approving.register()
