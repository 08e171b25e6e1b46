"""Routing rules: LocalGov IMS's behaviour where it was right, and what was wrong there put right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.audit.actors import command
from ims.common.errors import InvalidInput
from ims.imports import selectors, services
from ims.imports.models import ImportRow, RoutingRule, RuleHit
from ims.imports.rules import Condition, Group, Rule, layers, parse_actions, parse_groups
from tests.imports.files import YESTERDAY, checked, line, posted, rule, simple_profile, when


def decided(batch, number: int = 1) -> ImportRow:
    return ImportRow.objects.get(batch=batch, line=number)


def both(*conditions: dict) -> dict:
    return {"match": "all", "conditions": [c for group in conditions for c in group["conditions"]]}


def test_a_rule_compares_case_unless_told_otherwise(profile, actor):
    rule("HB", [both(when("fund", "equals", "40"), when("narrative", "starts_with", "HB"))], {"fund": "23"})
    batch = checked(actor, [line(fund="40", narrative="HB refund"), line(fund="40", narrative="hb refund")])
    assert [decided(batch, n).fund for n in (1, 2)] == ["23", "40"]
    rule("hb", [both(when("narrative", "starts_with", "hb", ignore_case=True))], {"fund": "5"}, position=200)
    batch = checked(actor, [line(narrative="HB refund 2"), line(narrative="hb refund 2")])
    assert [decided(batch, n).fund for n in (1, 2)] == ["5", "5"]


def test_groups_are_alternatives(profile, actor):
    rule("Either", [when("fund", "equals", "40"), when("reference", "contains", "RENT")], {"fund": "5"})
    batch = checked(actor, [line(fund="40"), line(reference="RENT1"), line()])
    assert [decided(batch, n).fund for n in (1, 2, 3)] == ["5", "5", "23"]


def test_a_group_may_ask_for_any_of_its_conditions(profile, actor):
    group = {"match": "any", "conditions": [*when("narrative", "contains", "A")["conditions"],
                                             *when("narrative", "contains", "B")["conditions"]]}  # fmt: skip
    rule("Any", [group], {"fund": "5"})
    batch = checked(actor, [line(narrative="xAx"), line(narrative="xBx"), line(narrative="xCx")])
    assert [decided(batch, n).fund for n in (1, 2, 3)] == ["5", "5", "23"]


def test_a_rule_without_conditions_always_fires(profile, actor):
    rule("Always", [], {"narrative": "Seen"})
    assert decided(checked(actor, [line()])).narrative == "Seen"


def test_disabled_rules_do_nothing_all_thirty_others_run_and_amounts_compare(profile, actor):
    rule("Off", [], {"fund": "5"}, is_enabled=False)
    for n in range(30):
        rule(f"Rule {n}", [when("narrative", "equals", f"CASE {n}")], {"narrative": f"DONE {n}"}, position=n)
    rule("Large", [when("amount", "greater_than", "100")], {"fund": "5"}, position=999)
    rows = [line(narrative=f"CASE {n}") for n in range(30)] + [line("100.00"), line("100.01")]
    batch = checked(actor, rows)
    found = list(ImportRow.objects.filter(batch=batch).order_by("line").values_list("fund", "narrative"))
    assert [narrative for _, narrative in found[:30]] == [f"DONE {n}" for n in range(30)]
    assert [fund for fund, _ in found[30:]] == ["23", "5"]


def test_a_later_rule_sees_what_an_earlier_one_set_and_the_last_word_stands(profile, actor):
    rule("First", [when("narrative", "contains", "GARAGE")], {"fund": "5", "narrative": "Garage rent"}, position=1)
    rule("Second", [when("fund", "equals", "5")], {"method_of_payment": "1"}, position=2)
    rule("Third", [when("narrative", "equals", "Garage rent")], {"fund": "13"}, position=3)
    row = decided(checked(actor, [line(narrative="GARAGE 7")]))
    assert (row.fund, row.method_of_payment) == ("13", "1")
    assert row.rules == list(RoutingRule.objects.order_by("position").values_list("pk", flat=True))


def test_a_rule_that_stops_keeps_later_ones_away(profile, actor):
    rule("First", [when("narrative", "contains", "X")], {"fund": "5"}, position=1, stops=True)
    rule("Second", [], {"fund": "13"}, position=2)
    rule("Third", [when("fund", "equals", "5")], {"narrative": "never"}, position=3)
    batch = checked(actor, [line(narrative="X"), line(narrative="Y")])
    assert [(decided(batch, n).fund, decided(batch, n).narrative) for n in (1, 2)] == [("5", "X"), ("13", "Y")]


def test_dates_are_of_the_day_received_both_included(profile, actor):
    rule("Yesterday only", [], {"fund": "5"}, valid_from=YESTERDAY, valid_to=YESTERDAY)
    earlier = (YESTERDAY - timedelta(days=1)).isoformat()
    batch = checked(actor, [line(), line(on=earlier)])
    assert [decided(batch, n).fund for n in (1, 2)] == ["5", "23"]


def test_a_rule_may_be_for_some_profiles_only(profile, actor):
    simple_profile("other")
    rule("For one", [], {"fund": "5"}, profiles=["simple"])
    assert decided(checked(actor, [line()])).fund == "5"
    assert decided(checked(actor, [line(narrative="x")], profile="other")).fund == "23"


def test_values_are_only_values(profile, actor):
    nasty = "100%s '; DROP TABLE ledger_entry; -- \\ %(x)s"
    rule("Nasty", [when("narrative", "contains", nasty)], {"narrative": nasty + "!"})
    assert decided(checked(actor, [line(narrative=f"a {nasty} b")])).narrative == nasty + "!"


def test_hits_are_counted_by_file(profile, actor):
    mine = rule("Count me", [when("narrative", "contains", "HIT")], {"fund": "5"})
    batch = checked(actor, [line(narrative="HIT"), line(narrative="HIT 2"), line()])
    assert RuleHit.objects.get(rule=mine, batch=batch).count == 2
    services.check(actor=actor, batch_id=batch.pk)
    assert selectors.hit_counts(command("tests"))[mine.pk][0] == 2


def test_a_trial_says_what_would_change_and_changes_nothing(profile, actor):
    posted(actor, [line(narrative="GARAGE 1"), line(narrative="GARAGE 2", fund="5", reference="45006789013"), line()])
    draft = RoutingRule(name="Draft", groups=[when("narrative", "contains", "GARAGE")], actions={"fund": "5"})
    trial = services.try_rule(actor=actor, rule=draft)
    assert (trial.rows_tried, trial.fired, trial.would_change) == (3, 2, 1)
    assert {match.line: match.changes for match in trial.matches} == {1: {"fund": ("23", "5")}, 2: {}}
    assert not RoutingRule.objects.exists()


def test_saving_a_rule_keeps_its_history_and_refuses_nonsense(profile, actor):
    draft = RoutingRule(name="Mine", groups=[when("narrative", "contains", "A")], actions={"fund": "5"})
    with pytest.raises(InvalidInput, match="reason"):
        services.save_rule(actor=actor, rule=draft, reason="")
    services.save_rule(actor=actor, rule=draft, reason="New tenant")
    draft.actions = {"fund": "13"}
    services.save_rule(actor=actor, rule=draft, reason="Moved")
    assert list(draft.history.values_list("history_change_reason", "actor_name")) == [
        ("Moved", actor.name),
        ("New tenant", actor.name),
    ]
    draft.actions = {"fund": "NOPE"}
    with pytest.raises(InvalidInput, match="There is no fund “NOPE”"):
        services.save_rule(actor=actor, rule=draft, reason="x")


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([{"match": "some", "conditions": []}], "all or any"),
        ([{"match": "all", "conditions": []}], "has no condition"),
        ([when("colour", "equals", "red")], "no field “colour”"),
        ([when("narrative", "sounds_like", "x")], "how to compare"),
        ([when("narrative", "greater_than", "x")], "only the amount"),
        ([when("amount", "contains", "1")], "an amount can only be"),
        ([when("amount", "equals", "ten")], "“ten” is not an amount"),
        ([when("narrative", "contains", "")], "say what to compare with"),
        ("nonsense", "list of groups"),
    ],
)
def test_conditions_that_make_no_sense_are_refused_in_a_sentence(groups, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        parse_groups(groups)


@pytest.mark.parametrize("actions", [{}, {"amount": "1"}, {"narrative": 5}, None])
def test_actions_that_make_no_sense_are_refused(actions):
    with pytest.raises(InvalidInput):
        parse_actions(actions)


_FIELDS = st.sampled_from(["fund", "narrative", "reference", "office"])


@given(st.lists(st.tuples(_FIELDS, _FIELDS), max_size=12))
def test_layers_keep_order_and_never_read_what_they_set(pairs):
    rules = [
        Rule(n, str(n), (Group((Condition(reads, "blank"),)),), {sets: "x"}) for n, (reads, sets) in enumerate(pairs)
    ]
    found = layers(rules)
    assert [rule for layer in found for rule in layer] == rules
    for layer in found:
        for n, later in enumerate(layer):
            assert not later.reads & {name for earlier in layer[:n] for name in earlier.actions}
