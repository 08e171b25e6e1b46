from django.apps import AppConfig


class SignInConfig(AppConfig):
    name = "ims.sign_in"
    verbose_name = "Sign-in"
