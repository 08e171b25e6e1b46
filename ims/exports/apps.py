from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "ims.exports"
    verbose_name = "Exports"
