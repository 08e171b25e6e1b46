"""Refusals in the payer's words and language, by their code: what lower rooms say is meant for staff."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ims.common.errors import ImsError

_BY_CODE: dict[str, str | Promise] = {
    "provider_down": _(
        "The card payment service does not answer just now. No money was taken. Try again in a few minutes."
    ),
    "provider_refused": _("The card payment service did not accept this payment. No money was taken. Try again later."),
    "still_starting": _("This payment is just being started, perhaps in another tab. Wait a moment and try again."),
    "already_paid": _("This has been paid. There is nothing more to pay."),
    "basket_empty": _("There is nothing to pay yet. Choose what you want to pay."),
    "basket_full": _("You can pay 10 bills at once. Pay these first, then the rest."),
    "basket_expired": _(
        "You took more than an hour, so we forgot what you wanted to pay. Begin again. No money was taken."
    ),
    "basket_cancelled": _("This payment was given up. Begin again. No money was taken."),
    "basket_is_sealed": _("A payment of these bills was started already. Finish it, or begin again."),
    "different_services": _("These bills are paid into different bank accounts. Pay them one after the other."),
    "different_methods": _("These bills are paid into different bank accounts. Pay them one after the other."),
    "outside_card_limits": _("This amount cannot be paid by card here. Pay a part of it, or contact us."),
    "no_payment_service": _("This cannot be paid by card just now. Contact us to pay another way."),
    "address_missing": _("Enter your name, address and postcode: this bill needs them."),
    "link_expired": _("This link has expired. Contact us for a new one. No money was taken."),
    "link_cancelled": _("This link was cancelled. Contact us if you think that it should not have been."),
    "being_paid": _("A payment of these bills is under way. Finish it, or wait until it has ended."),
    "lines_refused": _("One of these bills can no longer be paid online. Take it out, or contact us about it."),
}
_OTHERWISE = _("This could not be done just now. No money was taken. Try again, or contact us.")


def sentence(refusal: ImsError) -> str:
    """What to tell the payer."""
    return str(_BY_CODE.get(refusal.code, _OTHERWISE))
