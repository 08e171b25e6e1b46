"""How people come in: one-time links."""

from __future__ import annotations

from django.db import models
from django.db.models import PROTECT


class OneTimeLink(models.Model):
    """A link with which one person, once and within some days, chooses their password.

    Only the digest of its secret is kept: whoever reads the database cannot use it. The latest link of a person is
    the only one that works, so making another takes the earlier ones back.
    """

    person = models.ForeignKey("people.User", on_delete=PROTECT, related_name="one_time_links")
    digest = models.TextField(unique=True, editable=False)
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.TextField()
    expires_at = models.DateTimeField()

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"One-time link of {self.person}"


class OneTimeLinkUse(models.Model):
    """That a link was used. One row at most for each link: the database refuses the second."""

    link = models.OneToOneField(OneTimeLink, on_delete=PROTECT, related_name="use")
    used_at = models.DateTimeField(auto_now_add=True)
    address = models.TextField(blank=True, default="")

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.link}, used"
