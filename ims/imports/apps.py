from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "ims.imports"
    verbose_name = "Files and imports"
