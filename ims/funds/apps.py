from django.apps import AppConfig


class FundsConfig(AppConfig):
    name = "ims.funds"
    verbose_name = "Funds and codes"

    def ready(self) -> None:
        from ims.funds.selectors import fund_scope
        from ims.people.selectors import register_fund_scope

        register_fund_scope(fund_scope)
