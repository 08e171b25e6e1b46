from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class ConsoleConfig(AppConfig):
    name = "ims.console"
    default = True
    verbose_name = "Console"


class AdministrationConfig(SimpleAdminConfig):
    """Django's admin, under the council's own site."""

    default_site = "ims.console.site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        self.module.autodiscover()
        _hide_what_is_not_edited()


def _hide_what_is_not_edited() -> None:
    """Take away allauth's pages: second factors and sessions are looked after on our own, directories in settings."""
    from django.contrib import admin

    for model in list(admin.site._registry):
        if model.__module__.startswith("allauth."):
            admin.site.unregister(model)
