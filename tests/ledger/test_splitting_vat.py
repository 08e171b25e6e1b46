"""However finely a receipt is split, every part can be posted and no VAT is made or lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ims.funds.rules import vat_within
from ims.ledger import services
from ims.ledger.lines import Line
from ims.ledger.rules import share_vat
from ims.ledger.selectors import remaining, remaining_vat
from tests.support.world import person

OFFICER = person("Olu Officer", "ledger.post_receipt", "ledger.post_journal", "accounts.pay_stopped_account")
PENNY = Decimal("0.01")


@st.composite
def splits(draw) -> tuple[list[Decimal], Decimal]:
    """The parts a receipt is taken in, until nothing is left, and its VAT rate."""
    parts = draw(st.lists(st.integers(1, 50_000), min_size=1, max_size=12) | st.just([1] * 12))
    sign = draw(st.sampled_from([1, -1]))
    rate = draw(st.integers(0, 9_999)) / Decimal(10_000)
    return [sign * Decimal(pence) / 100 for pence in parts], rate


@given(splits())
def test_every_part_carries_less_vat_than_money_and_none_is_made(split):
    amounts, rate = split
    whole = sum(amounts)
    vat = vat_within(whole, rate)
    shares = share_vat(amounts, left=whole, vat_left=vat, rate=rate)
    for amount, share in zip(amounts, shares, strict=True):
        assert share == 0 or (share > 0) == (amount > 0)
        assert abs(share) < abs(amount)
    assert abs(sum(shares)) <= abs(vat)
    before_last = vat - sum(shares[:-1])
    if abs(before_last) < abs(amounts[-1]):
        assert sum(shares) == vat


def test_a_receipt_is_taken_penny_by_penny_to_the_end(world):
    line = Line(fund="31", amount=Decimal("0.05"), method_of_payment="90", account_reference="BC/1", office="WP")
    posted = services.post_receipts(actor=OFFICER, lines=[line], source_kind="card", source_key="one")
    entry = posted.posting.entries.get()
    assert entry.vat_amount == PENNY
    for number in range(5):
        target = replace(line, fund="13", amount=PENNY, vat_code="N0", account_reference="X", method_of_payment="")
        services.post_journal(actor=OFFICER, entry_id=entry.pk, targets=[target], reason="Split", key=f"penny {number}")
    assert remaining([entry.pk])[entry.pk] == 0
    assert remaining_vat([entry.pk])[entry.pk] == PENNY
