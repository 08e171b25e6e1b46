"""What records refuses."""

from ims.common.errors import ImsError


class RecordsRefusal(ImsError):
    """A record cannot be kept, held, disposed of or handed over as it was asked."""

    code = "records_refused"
