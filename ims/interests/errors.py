"""What this room refuses."""

from __future__ import annotations

from ims.approvals.errors import ApproverRefused
from ims.common.errors import ImsError


class InterestRefusal(ImsError):
    """A declaration that cannot be made or ended, or an act upon an account somebody has an interest in."""

    code = "interest"


class ApproverInterested(InterestRefusal, ApproverRefused):
    """Who would approve an act has an interest in an account it touches."""

    code = "approver_interested"
