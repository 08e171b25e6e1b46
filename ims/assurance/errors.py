"""What assurance refuses."""

from ims.common.errors import ImsError


class AssuranceRefusal(ImsError):
    """What an auditor asked for cannot be answered as it was asked."""

    code = "assurance_refused"
