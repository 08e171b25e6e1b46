"""The one admin site: every room registers its records here, and the daily screens stand beside them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin import AdminSite


class ConsoleSite(AdminSite):
    """Django's admin with the council's name."""

    site_title = "Income management"
    index_title = "Settings and records"
    enable_nav_sidebar = False

    @property
    def site_header(self) -> str:
        return f"Income management · {settings.COUNCIL_NAME}"
