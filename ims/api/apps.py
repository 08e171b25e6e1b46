from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "ims.api"
    verbose_name = "API"

    def ready(self) -> None:
        from ims.api import authentication, listening  # noqa: F401 - authentication tells the description how to sign in
        from ims.payments.observers import after_payment

        after_payment(listening.hear_of_payment)
