from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "ims.reporting"
    verbose_name = "Reporting"
