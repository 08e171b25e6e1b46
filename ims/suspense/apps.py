from django.apps import AppConfig


class SuspenseConfig(AppConfig):
    name = "ims.suspense"
    verbose_name = "Suspense"
