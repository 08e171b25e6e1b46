from django.apps import AppConfig


class FundsConfig(AppConfig):
    name = "ims.funds"
    verbose_name = "Funds and codes"

    def ready(self) -> None:
        from ims.funds import approving
        from ims.funds.selectors import fund_scope
        from ims.people.selectors import register_scope

        register_scope("funds", fund_scope)
        approving.register()
