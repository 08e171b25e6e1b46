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
