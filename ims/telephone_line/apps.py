from django.apps import AppConfig


class TelephoneLineConfig(AppConfig):
    name = "ims.telephone_line"
    verbose_name = "Automated telephone line"

    def ready(self) -> None:
        from ims.imports import elsewhere
        from ims.telephone_line.recognising import taken_here

        elsewhere.register(taken_here)
