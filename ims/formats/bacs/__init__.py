"""Everything Bacs: submissions (Standard 18) read and written, and the reports and advices that come back."""

from __future__ import annotations

from ims.formats.bacs import claims, input_report, messages, standard18, unpaids

FORMATS = (*unpaids.FORMATS, *messages.FORMATS, claims.FORMAT, input_report.FORMAT, standard18.FORMAT)
