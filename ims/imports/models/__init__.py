"""Files of receipts: their bytes, how they are read, what became of every row."""

from ims.imports.models.batches import (
    BatchShare,
    BatchStep,
    ImportBatch,
    ImportRow,
    ImportStatement,
    RowDecision,
    RuleHit,
)
from ims.imports.models.files import FileContent, SourceFile
from ims.imports.models.profiles import FileProfile
from ims.imports.models.routing import RoutingRule

__all__ = [
    "BatchShare",
    "BatchStep",
    "FileContent",
    "FileProfile",
    "ImportBatch",
    "ImportRow",
    "ImportStatement",
    "RoutingRule",
    "RowDecision",
    "RuleHit",
    "SourceFile",
]
