from django.apps import AppConfig


class ThrottlingConfig(AppConfig):
    name = "ims.throttling"
    verbose_name = "Throttling"
