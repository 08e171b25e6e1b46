from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "ims.access"
    verbose_name = "Access and its reviews"

    def ready(self) -> None:
        from ims.access import approving
        from ims.access.selectors import methods_of, offices_of
        from ims.people.selectors import register_scope

        register_scope("offices", offices_of)
        register_scope("methods", methods_of)
        approving.register()
