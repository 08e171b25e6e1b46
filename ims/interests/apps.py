from django.apps import AppConfig


class InterestsConfig(AppConfig):
    name = "ims.interests"
    verbose_name = "Declared interests"

    def ready(self) -> None:
        from ims.interests import subject_sources  # noqa: F401
