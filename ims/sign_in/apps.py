from django.apps import AppConfig


class SignInConfig(AppConfig):
    name = "ims.sign_in"
    verbose_name = "Sign-in"

    def ready(self) -> None:
        from ims.sign_in import events, safety  # noqa: F401 - safety registers itself

        events.connect()
