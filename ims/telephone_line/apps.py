from django.apps import AppConfig


class TelephoneLineConfig(AppConfig):
    name = "ims.telephone_line"
    verbose_name = "Automated telephone line"
