from django.apps import AppConfig


class FundsConfig(AppConfig):
    name = "ims.funds"
    verbose_name = "Funds and codes"
