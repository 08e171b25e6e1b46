"""What imports refuse, in sentences."""

from __future__ import annotations

from ims.common.errors import ImsError


class ImportRefusal(ImsError):
    """The file or the step cannot be taken. Nothing was half done."""

    code = "import_refused"


class AlreadyReceived(ImportRefusal):
    """The same bytes have been received before; `batch_id` is the import they went into."""

    code = "already_received"

    def __init__(self, message: str, batch_id: int) -> None:
        super().__init__(message)
        self.batch_id = batch_id


class BatchMoved(ImportRefusal):
    """Somebody else has the batch, or it is no longer where this step starts from."""

    code = "conflict"


class WorldMoved(ImportRefusal):
    """What the check relied on has changed since: the batch must be checked again."""

    code = "check_again"
