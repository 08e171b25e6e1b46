"""The bank account modulus tables an operator has loaded: as published, one row for each loading, never changed."""

from __future__ import annotations

from django.db import models


class ModulusTableLoad(models.Model):
    """VALACDOS.txt and SCSUBTAB.txt as they were loaded. The database refuses to change or remove a row.

    In force on a day are the tables with the latest `valid_from` on or before it; of two with the same date, those
    loaded last, so that a mistake is put right by loading again.
    """

    version = models.CharField(
        max_length=30, blank=True, default="", help_text="As the publisher names it, like 7.90. May be empty."
    )
    valid_from = models.DateField(help_text="The day from which the publisher says these tables are valid.")
    valacdos = models.TextField("weight table (VALACDOS)")
    valacdos_sha256 = models.CharField("SHA-256 of VALACDOS", max_length=64)
    scsubtab = models.TextField("substitution table (SCSUBTAB)")
    scsubtab_sha256 = models.CharField("SHA-256 of SCSUBTAB", max_length=64)
    weight_rows = models.PositiveIntegerField("rows of weights")
    substitutions = models.PositiveIntegerField("sort codes substituted")
    reason = models.TextField(blank=True, default="")
    loaded_at = models.DateTimeField(auto_now_add=True)
    loaded_by_kind = models.TextField()
    loaded_by_id = models.TextField()
    loaded_by = models.TextField()

    append_only = True

    class Meta:
        verbose_name = "modulus tables"
        verbose_name_plural = "modulus tables"
        default_permissions = ("view",)
        permissions = [("load_modulus_tables", "Can load modulus tables")]
        ordering = ["-valid_from", "-id"]

    def __str__(self) -> str:
        named = f"{self.version}, " if self.version else ""
        return f"Modulus tables {named}valid from {self.valid_from:%-d %b %Y}"
