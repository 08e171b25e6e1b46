"""Profiles to begin with: a plain CSV for people, and the shapes that two common ledgers load.

The identifiers of a council's own ledger (ledger id, client, voucher type) are constants in the layouts; each council
puts its own. Column order: Oracle's journal import template for GL_INTERFACE; Unit4's GL07 batch input.
"""

from __future__ import annotations

from typing import Any

from ims.audit.actors import Actor
from ims.exports.models import ExportProfile
from ims.exports.services import save_profile


def _constant(name: str, value: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "source": "constant", "constant": value, **more}


def _plain() -> dict[str, Any]:
    columns = (
        ("Journal", "batch_number"),
        ("Line", "line_number"),
        ("Date", "accounting_date"),
        ("Period", "fiscal_period"),
        ("Account", "gl_code"),
        ("Cost centre", "cost_centre"),
        ("Debit", "debit"),
        ("Credit", "credit"),
        ("VAT code", "vat_code"),
        ("Fund", "fund"),
        ("Method of payment", "method_of_payment"),
        ("Entries", "entry_count"),
        ("Description", "description"),
    )
    detail = [{"name": name, "source": source} for name, source in columns]
    for column in detail:
        if column["source"] in ("debit", "credit"):
            column["blank_if_zero"] = True
    return {"heading": True, "detail": detail}


def _oracle_fusion() -> dict[str, Any]:
    segments = [
        {"name": "Segment1", "source": "gl_code"},
        {"name": "Segment2", "source": "cost_centre"},
        *(_constant(f"Segment{number}") for number in range(3, 31)),
    ]
    references = [
        {"name": "REFERENCE1 (Batch Name)", "source": "profile", "length": 100},
        _constant("REFERENCE2 (Batch Description)"),
        _constant("REFERENCE3"),
        {"name": "REFERENCE4 (Journal Entry Name)", "source": "batch_number"},
        _constant("REFERENCE5 (Journal Entry Description)"),
        *(_constant(f"REFERENCE{number}") for number in range(6, 10)),
        {"name": "REFERENCE10 (Journal Entry Line Description)", "source": "description", "length": 240},
    ]
    return {
        "detail": [
            _constant("Status Code", "NEW"),
            _constant("Ledger ID", "300000000000001"),
            {"name": "Effective Date of Transaction", "source": "accounting_date", "format": "%Y/%m/%d"},
            _constant("Journal Source", "Income Management"),
            _constant("Journal Category", "Receipts"),
            _constant("Currency Code", "GBP"),
            {"name": "Journal Entry Creation Date", "source": "built_at", "format": "%Y/%m/%d"},
            _constant("Actual Flag", "A"),
            *segments,
            {"name": "Entered Debit Amount", "source": "debit", "blank_if_zero": True},
            {"name": "Entered Credit Amount", "source": "credit", "blank_if_zero": True},
            _constant("Converted Debit Amount"),
            _constant("Converted Credit Amount"),
            *references,
            _constant("Reference column 1"),
            {"name": "Group ID", "source": "batch_number"},
        ]
    }


def _unit4_gl07() -> dict[str, Any]:
    place = 1
    fields: list[dict[str, Any]] = []

    def add(name: str, length: int, source: str = "constant", **more: Any) -> None:
        nonlocal place
        fields.append({"name": name, "source": source, "start": place, "length": length, **more})
        place += length

    add("batch_id", 25, "batch_number")
    add("interface", 25, constant="BI")
    add("voucher_type", 25, constant="IM")
    add("trans_type", 2, constant="GL")
    add("client", 25, constant="MC")
    add("account", 25, "gl_code")
    add("dim_1", 25, "cost_centre")
    for number in range(2, 8):
        add(f"dim_{number}", 25)
    add("tax_code", 25, "vat_code")
    add("tax_system", 25)
    add("currency", 25, constant="GBP")
    add("dc_flag", 2, "debit_or_credit", map={"D": "1", "C": "-1"}, align="right")
    add("cur_amount", 20, "amount", scale=2, align="right")
    add("amount", 20, "amount", scale=2, align="right")
    add("number_1", 11, "entry_count", align="right")
    add("description", 255, "description")
    add("trans_date", 8, "accounting_date", format="%Y%m%d")
    add("voucher_date", 8, "accounting_date", format="%Y%m%d")
    add("voucher_no", 15, "batch_number", align="right")
    add("period", 6, "fiscal_period")
    add("ext_ref", 100, "receipt")
    return {"detail": fields}


def _fixed_with_totals() -> dict[str, Any]:
    return {
        "header": [
            [
                _constant("record", "H", start=1, length=1),
                {"name": "batch", "source": "batch_number", "start": 2, "length": 8, "align": "right", "pad": "0"},
                {"name": "first day", "source": "first_date", "format": "%Y%m%d", "start": 10, "length": 8},
                {"name": "last day", "source": "last_date", "format": "%Y%m%d", "start": 18, "length": 8},
                _constant("system", "IMS", start=26, length=10),
            ]
        ],
        "detail": [
            _constant("record", "D", start=1, length=1),
            {"name": "line", "source": "line_number", "start": 2, "length": 8, "align": "right", "pad": "0"},
            {"name": "date", "source": "accounting_date", "format": "%Y%m%d", "start": 10, "length": 8},
            {"name": "code", "source": "gl_code", "start": 18, "length": 24},
            {"name": "cost centre", "source": "cost_centre", "start": 42, "length": 12},
            {"name": "side", "source": "debit_or_credit", "start": 54, "length": 1},
            {
                "name": "amount in pence",
                "source": "amount",
                "scale": 2,
                "sign": "none",
                "start": 55,
                "length": 13,
                "align": "right",
                "pad": "0",
            },
            {"name": "VAT code", "source": "vat_code", "start": 68, "length": 5},
            {"name": "description", "source": "description", "start": 73, "length": 40},
        ],
        "trailer": [
            [
                _constant("record", "T", start=1, length=1),
                {"name": "lines", "source": "line_count", "start": 2, "length": 8, "align": "right", "pad": "0"},
                {
                    "name": "debits in pence",
                    "source": "debit_total",
                    "scale": 2,
                    "start": 10,
                    "length": 15,
                    "align": "right",
                    "pad": "0",
                },
                {
                    "name": "credits in pence",
                    "source": "credit_total",
                    "scale": 2,
                    "start": 25,
                    "length": 15,
                    "align": "right",
                    "pad": "0",
                },
            ]
        ],
    }


def _profiles() -> list[ExportProfile]:
    fixed = ExportProfile.FileFormat.FIXED_WIDTH
    return [
        ExportProfile(
            name="General ledger journal",
            layout=_plain(),
            encoding=ExportProfile.Encoding.UTF_8_MARKED,
            neutralise_formulas=True,
            file_name="{profile}-{first:%Y%m%d}-{batch:06d}.csv",
        ),
        ExportProfile(
            name="Oracle Fusion journal import",
            layout=_oracle_fusion(),
            file_name="GlInterface_{batch:06d}.csv",
            is_active=False,
        ),
        ExportProfile(
            name="Unit4 GL07 batch input",
            file_format=fixed,
            layout=_unit4_gl07(),
            encoding=ExportProfile.Encoding.WINDOWS_1252,
            file_name="GL07_{batch:06d}.txt",
            is_active=False,
        ),
        ExportProfile(
            name="Fixed width with control totals",
            file_format=fixed,
            layout=_fixed_with_totals(),
            encoding=ExportProfile.Encoding.ASCII,
            file_name="IMSGL{batch:06d}.DAT",
            is_active=False,
        ),
    ]


def seed_profiles(actor: Actor) -> list[ExportProfile]:
    """Add the profiles that are not there yet, by name; return all of them. Only the plain CSV is in use at first."""
    kept = []
    for profile in _profiles():
        existing = ExportProfile.objects.filter(name=profile.name).first()
        kept.append(existing or save_profile(actor=actor, profile=profile, reason="Profiles to begin with"))
    return kept
