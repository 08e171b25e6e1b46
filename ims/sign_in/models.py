"""How people come in: one-time links, what a directory says, the break-glass account, the cache of the throttles."""

from __future__ import annotations

from django.db import models
from django.db.models import PROTECT

from ims.audit.history import Tracked


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


class DirectoryIdentity(Tracked):
    """Who a person is in a directory: the issuer that vouches for them and the name it never changes or reuses.

    For Entra ID that is the tenant's issuer and the object id. An e-mail address is never part of it: addresses
    change, and are given to others.
    """

    person = models.ForeignKey("people.User", on_delete=PROTECT, related_name="directory_identities")
    directory = models.TextField(help_text="Which of the council's directories.")
    issuer = models.TextField()
    subject = models.TextField(help_text="Entra ID: the person's object ID. Other providers: their “sub”.")

    class Meta:
        verbose_name = "directory identity"
        verbose_name_plural = "directory identities"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="directory_identity_once"),
            models.UniqueConstraint(fields=["person", "issuer"], name="directory_identity_one_each"),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.directory}"


class DirectoryRole(Tracked):
    """What a group or app role of a directory gives here. At each sign-in the directory decides over these roles."""

    directory = models.TextField(help_text="Which of the council's directories.")
    value = models.TextField(
        "group or app role", help_text="As the directory sends it: an app role's value, or a group's object ID."
    )
    role = models.TextField(help_text="The role here that it gives.")
    note = models.TextField(blank=True, default="", help_text="What the group is called, for whoever reads this later.")

    class Meta:
        verbose_name = "directory role"
        verbose_name_plural = "directory roles"
        ordering = ["directory", "value", "role"]
        constraints = [models.UniqueConstraint(fields=["directory", "value", "role"], name="directory_role_once")]

    def __str__(self) -> str:
        return f"{self.value} gives {self.role}"


class BreakGlassAccount(Tracked):
    """A local account kept for the day nobody else can sign in. Every use of it raises an alert."""

    person = models.OneToOneField("people.User", on_delete=PROTECT, related_name="break_glass")
    note = models.TextField(blank=True, default="", help_text="Where its key is kept, and who may fetch it.")

    class Meta:
        verbose_name = "break-glass account"
        verbose_name_plural = "break-glass accounts"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Break-glass account {self.person}"


class BreakGlassUse(models.Model):
    """One sign-in with a break-glass account."""

    person = models.ForeignKey("people.User", on_delete=PROTECT, related_name="+")
    used_at = models.DateTimeField(auto_now_add=True)
    address = models.TextField(blank=True, default="")

    append_only = True

    class Meta:
        default_permissions = ("view",)
        permissions = [("review_break_glass", "Can review the use of a break-glass account")]
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.person} on {self.used_at:%-d %b %Y}"


class BreakGlassReview(models.Model):
    """That somebody else looked into a use, and what they found."""

    use = models.OneToOneField(BreakGlassUse, on_delete=PROTECT, related_name="review")
    reviewed_at = models.DateTimeField(auto_now_add=True)
    reviewed_by = models.TextField()
    finding = models.TextField()

    append_only = True

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.use}: {self.finding}"


class CacheEntry(models.Model):
    """The table of Django's database cache, where all workers count the same attempts. Nothing else is kept in it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "ims_cache"
        default_permissions = ()

    def __str__(self) -> str:
        return self.cache_key
