from django.apps import AppConfig


class CouncilConfig(AppConfig):
    name = "ims.council"
    verbose_name = "The council"
