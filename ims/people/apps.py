from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "ims.people"
    verbose_name = "People"
