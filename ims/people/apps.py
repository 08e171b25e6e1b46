from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    name = "ims.people"
    verbose_name = "People"

    def ready(self) -> None:
        from ims.approvals import directory
        from ims.people import approving, roles, selectors

        approving.register()
        directory.register(
            "person",
            directory.Source(
                roles=selectors.roles_of,
                again=selectors.actor_again,
                holders=selectors.holders_of,
                rights=selectors.rights_of_everybody,
            ),
        )
        post_migrate.connect(roles.sync_after_migrate, dispatch_uid="ims.people.roles")
