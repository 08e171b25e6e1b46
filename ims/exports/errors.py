"""What exports refuse, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ims.common.errors import ImsError

if TYPE_CHECKING:
    from ims.exports.models import ExportBatch


class ExportRefusal(ImsError):
    """The export cannot be built. Nothing was exported."""

    code = "export_refusal"


class NothingToExport(ExportRefusal):
    """No entry of those days waits to be exported. `batches` are the ones that took them already, oldest first."""

    code = "nothing_to_export"

    def __init__(self, message: str, *, batches: Sequence[ExportBatch] = ()) -> None:
        super().__init__(message)
        self.batches = tuple(batches)
