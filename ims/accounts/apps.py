from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "ims.accounts"
    verbose_name = "Account holders"
