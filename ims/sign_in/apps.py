from django.apps import AppConfig


class SignInConfig(AppConfig):
    name = "ims.sign_in"
    verbose_name = "Sign-in"

    def ready(self) -> None:
        from ims.approvals import records
        from ims.people.granting import ROLES
        from ims.sign_in import events, safety  # noqa: F401 - safety registers itself
        from ims.sign_in.models import DirectoryRole

        events.connect()
        # Whoever maps a group grants a role to everybody in it, so that the same two people are needed.
        records.register_kind("sign_in.directory_role", label="Role from a directory", limit=ROLES)
        records.guard(DirectoryRole, "sign_in.directory_role", harmless=("note",))
