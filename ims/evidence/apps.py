from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "ims.evidence"
    verbose_name = "Evidence"
