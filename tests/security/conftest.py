"""One of everything, and somebody of every role, for the walk through every address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.utils import timezone

from ims.accounts.models import AccountLoad
from ims.audit.actors import acting, command
from ims.evidence import services as evidence
from ims.evidence.models import EvidencePack, SealPublication
from ims.exports import services as exports
from ims.exports.models import ExportBatch, ExportProfile
from ims.exports.seed import seed_profiles as seed_export_profiles
from ims.funds.models import BankHoliday, ExtraField, FundGroup, Office, SystemMessage
from ims.funds.modulus_models import ModulusTableLoad
from ims.imports.models import FileProfile, ImportBatch, ImportRow, RoutingRule
from ims.ledger.models import Entry
from ims.people.models import User
from ims.suspense.models import SuspenseItem
from tests.console.conftest import add_people, add_receipts
from tests.imports.files import line, posted, simple_profile
from tests.support.world import SET_UP, World


@dataclass
class OneOfEverything:
    """Records that every address can be asked about."""

    people: dict[str, User]
    entry: Entry
    batch: ImportBatch
    row: ImportRow
    rule: RoutingRule
    profile: FileProfile
    item: SuspenseItem
    export: ExportBatch
    load: AccountLoad
    pack: EvidencePack
    publication: SealPublication


@pytest.fixture
def everything(world: World) -> OneOfEverything:
    people = add_people()
    entry = add_receipts(world)[0]
    with acting(SET_UP, "Test set-up"):
        profile = simple_profile()
        rule = RoutingRule.objects.create(name="Parking", actions={"fund": "11"})
        FundGroup.objects.create(name="Revenues")
        BankHoliday.objects.create(day=date(2026, 12, 25), name="Christmas Day")
        ExtraField.objects.create(owner="fund", name="contact", label="Contact", kind="text")
        SystemMessage.objects.create(
            text="Bank closed", starts_at=timezone.now(), ends_at=timezone.now() + timedelta(days=1)
        )
        Office.objects.get(code="WP").save()  # it was made in bulk, which leaves no history
    ModulusTableLoad.objects.create(
        valid_from=date(2026, 1, 1), valacdos="", scsubtab="", weight_rows=0, substitutions=0, loaded_by="Test set-up"
    )
    batch = posted(command("tests"), [line(), line(fund="", reference="", narrative="WHO"), line(amount="nonsense")])
    seed_export_profiles(command("tests"))
    export = exports.build(
        actor=command("tests"),
        profile=ExportProfile.objects.filter(is_active=True).first(),
        first=date.today() - timedelta(days=10),
        last=date.today(),
        key="security",
    )
    return OneOfEverything(
        people=people,
        entry=entry,
        batch=batch,
        row=ImportRow.objects.filter(batch=batch).order_by("line").last(),
        rule=rule,
        profile=profile,
        item=SuspenseItem.objects.first(),
        export=export,
        load=AccountLoad.objects.create(file_name="holders.csv", sha256="0" * 64, content=b""),
        pack=evidence.make_pack(
            actor=command("tests"),
            pack_id=evidence.ask_for_pack(
                actor=command("tests"), first=date.today(), last=date.today(), kind="ledger"
            ).pk,
        ),
        publication=SealPublication.objects.create(
            day=date.today(), file_name="seals.json", content="{}", sha256="0" * 64
        ),
    )
