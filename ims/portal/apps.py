from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "ims.portal"
    verbose_name = "Payment pages"
