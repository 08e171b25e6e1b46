"""The files themselves, byte for byte."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SourceFile(models.Model):
    """A file as it arrived. The same bytes are one file, however often and under whatever name they arrive."""

    name = models.TextField(help_text="The file's name when it first arrived.")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="In bytes.")
    received_at = models.DateTimeField(db_default=Now())
    received_by = models.TextField()

    append_only = True

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["sha256"], name="file_bytes_once")]

    def __str__(self) -> str:
        return self.name


class FileContent(models.Model):
    """A piece of a file's bytes, compressed with zlib. All pieces in order are the file."""

    file = models.ForeignKey(SourceFile, models.PROTECT, related_name="pieces", db_index=False)
    number = models.IntegerField()
    compressed = models.BinaryField()

    append_only = True

    class Meta:
        default_permissions = ()
        ordering = ["file", "number"]
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="file_piece_once")]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.number}"
