"""Asking for personal details to be shown for a while, or hidden again. What is then seen is recorded page by page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from ims.accounts.models import AccountHolder
from ims.console.views.base import screen
from ims.ledger.models import Entry
from ims.people import personal_details


@screen(permission=(Entry.personal.permission, AccountHolder.personal.permission), what="see personal details")
@require_POST
def show(request: HttpRequest) -> HttpResponse:
    """Show or hide the names, addresses and narratives of payers and account holders in this session."""
    if request.POST.get("show") == "no":
        personal_details.veil(request.session)
    else:
        personal_details.unveil(request.session)
        minutes = personal_details.SHOWN_FOR_SECONDS // 60
        messages.info(
            request,
            f"Personal details are shown for {minutes} minutes. Each page that shows some is recorded under your name.",
        )
    where = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(where, allowed_hosts=None)
    return HttpResponseRedirect(where if is_ours and where.startswith("/") else "/")
