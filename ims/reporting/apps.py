from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "ims.reporting"
    verbose_name = "Reporting"

    def ready(self) -> None:
        from ims.imports import elsewhere
        from ims.payments import elsewhere as found_elsewhere
        from ims.payments.recognising import taken_here

        # Neither room knows the other; the proof, which adds both up, must not count a payment twice.
        elsewhere.register(taken_here)
        found_elsewhere.register(elsewhere.may_have_posted)
