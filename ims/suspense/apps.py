from django.apps import AppConfig


class SuspenseConfig(AppConfig):
    name = "ims.suspense"
    verbose_name = "Suspense"

    def ready(self) -> None:
        from ims.suspense import approving

        approving.register()
