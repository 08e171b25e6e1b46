"""The six roles, exactly."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission

from ims.people import roles

MONEY = {"ledger.post_receipt", "ledger.post_journal", "ledger.post_transfer", "ledger.reverse_posting"}


@pytest.fixture
def permissions_of(db):
    roles.sync_roles()

    def of(name: str) -> set[str]:
        rows = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        return {f"{room}.{codename}" for room, codename in rows}

    return of


def test_the_database_holds_the_six_roles_after_migration(db):
    assert set(Group.objects.values_list("name", flat=True)) >= set(roles.ROLE_NAMES)


def test_the_auditor_sees_everything_and_changes_nothing(permissions_of):
    held = permissions_of(roles.AUDITOR)
    ours = Permission.objects.filter(codename__startswith="view_").values_list("content_type__app_label", "codename")
    rooms = {"funds", "accounts", "people", "ledger", "suspense", "imports", "exports", "jobs", "reporting", "audit"}
    assert {f"{room}.{codename}" for room, codename in ours if room in rooms} <= held
    assert {name for name in held if ".view_" not in name} == {
        "accounts.see_personal_data",
        "ledger.see_payer_details",
        "interests.see_interest",
    }


def test_the_administrator_posts_no_money(permissions_of):
    held = permissions_of(roles.ADMINISTRATOR)
    assert not held & MONEY
    assert "funds.change_fund" in held
    assert "people.grant_administrator" in held


def test_only_the_administrator_may_grant_administrator(permissions_of):
    holders = {name for name in roles.ROLE_NAMES if "people.grant_administrator" in permissions_of(name)}
    assert holders == {roles.ADMINISTRATOR}


def test_money_is_moved_by_managers_and_transferred_by_finance_only(permissions_of):
    assert permissions_of(roles.INCOME_OFFICER) & MONEY == {"ledger.post_receipt"}
    assert permissions_of(roles.INCOME_MANAGER) & MONEY == MONEY
    assert permissions_of(roles.FINANCE) & MONEY == {"ledger.post_receipt", "ledger.post_transfer"}
    assert permissions_of(roles.SERVICE_DESK) & MONEY == set()


def test_only_finance_may_pay_a_stopped_account(permissions_of):
    holders = {name for name in roles.ROLE_NAMES if "accounts.pay_stopped_account" in permissions_of(name)}
    assert holders == {roles.FINANCE}


def test_syncing_takes_back_what_was_added_by_hand_and_leaves_other_roles_alone(db):
    roles.sync_roles()
    extra = Permission.objects.get(content_type__app_label="funds", codename="change_fund")
    Group.objects.get(name=roles.AUDITOR).permissions.add(extra)
    own = Group.objects.create(name="Elections team")
    own.permissions.add(extra)
    roles.sync_roles()
    assert extra not in Group.objects.get(name=roles.AUDITOR).permissions.all()
    assert extra in own.permissions.all()


def test_every_permission_the_roles_name_is_declared(db):
    assert roles.unknown_permissions() == []


def test_permissions_nobody_declares_are_reported_not_fatal(db, monkeypatch):
    role = roles.Role("Ghost", "", frozenset({"ledger.post_receipt", "ledger.fly"}))
    monkeypatch.setattr(roles, "ROLES", (role,))
    roles.sync_roles()
    assert roles.unknown_permissions() == ["ledger.fly"]
    assert Group.objects.get(name="Ghost").permissions.count() == 1
