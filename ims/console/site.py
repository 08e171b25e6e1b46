"""The one admin site: every room registers its records here, and the daily screens stand beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from ims.common.errors import ImsError
from ims.console.settings_index import grouped
from ims.console.views.base import refused
from ims.sign_in.forms import OwnPasswordForm
from ims.sign_in.recent import require_recent


class ConsoleSite(AdminSite):
    """Django's admin in the council's name. Whoever may sign in may enter; what they see is up to their permissions."""

    site_title = "Income management"
    index_title = "Settings and records"
    enable_nav_sidebar = False
    site_url = None
    login_form = AuthenticationForm

    @property
    def site_header(self) -> str:
        return f"Income management · {settings.COUNCIL_NAME}"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Settings and records, grouped by job."""
        groups = grouped(self.get_app_list(request), request.actor)
        return super().index(request, {**(extra_context or {}), "groups": groups})

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.user.is_active

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As Django's, kept in the audit trail."""
        view = PasswordChangeView.as_view(
            form_class=partial(OwnPasswordForm, actor=request.actor),
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """As Django's, with refusals shown as pages, and a recent sign-in asked for where the records need it."""
        owner = getattr(view, "__self__", None)

        @wraps(view)
        def translated(request: HttpRequest, *args: Any, **arguments: Any) -> HttpResponse:
            try:
                if request.method == "POST" and getattr(owner, "needs_recent_sign_in", False):
                    require_recent(request)
                answer = view(request, *args, **arguments)
                # A TemplateResponse runs selectors while it renders; render it here, where refusals are caught.
                return answer.render() if hasattr(answer, "render") and not answer.is_rendered else answer
            except ImsError as refusal:
                return refused(request, refusal)

        return super().admin_view(translated, cacheable)
