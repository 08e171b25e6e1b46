from django.apps import AppConfig


class CorrespondenceConfig(AppConfig):
    name = "ims.correspondence"
    verbose_name = "Messages to payers"

    def ready(self) -> None:
        from ims.correspondence import listening
        from ims.payments.observers import after_payment

        after_payment(listening.hear_of_payment)
