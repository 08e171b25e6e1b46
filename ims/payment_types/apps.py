from django.apps import AppConfig


class PaymentTypesConfig(AppConfig):
    name = "ims.payment_types"
    verbose_name = "Payment types"
