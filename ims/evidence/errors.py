"""What evidence refuses."""

from ims.common.errors import ImsError


class EvidenceRefusal(ImsError):
    """Evidence cannot be published or taken as it was asked."""

    code = "evidence_refused"
