"""Routing rules as plain data: which fields and operators there are, and whether a rule makes sense. No database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ims.common.errors import InvalidInput
from ims.common.money import pounds

FIELDS: dict[str, str] = {
    # name in conditions → what an officer calls it
    "fund": "Fund",
    "reference": "Account reference",
    "method_of_payment": "Method of payment",
    "office": "Office",
    "vat_code": "VAT code",
    "narrative": "Narrative",
    "amount": "Amount",
    "payer_name": "Payer",
    "bank_reference": "Bank's reference",
    "end_to_end": "End-to-end reference",
    "type_code": "Bank's type code",
    "kind": "Kind of entry",
    "account": "Our bank account",
}
SETTABLE = ("fund", "reference", "method_of_payment", "office", "vat_code", "narrative")
OPERATORS: dict[str, str] = {
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "equals": "is",
    "not_equals": "is not",
    "one_of": "is one of (separated by commas)",
    "greater_than": "is more than",
    "less_than": "is less than",
    "blank": "is blank",
    "not_blank": "is not blank",
}
WITHOUT_VALUE = frozenset({"blank", "not_blank"})
FOR_AMOUNTS = frozenset({"equals", "not_equals", "greater_than", "less_than"})
MATCHES = {"all": "all of these", "any": "any of these"}
CODE_FIELDS = frozenset({"fund", "method_of_payment", "office", "vat_code"})
_LONGEST_VALUE = 500


@dataclass(frozen=True)
class Condition:
    """``field operator value``. Text is compared as it is written unless `ignore_case`."""

    field: str
    operator: str
    value: str = ""
    ignore_case: bool = False

    @property
    def amount(self) -> Decimal:
        """The value as pounds. Raises `InvalidInput` when it is none."""
        return pounds(self.value)

    @property
    def choices(self) -> list[str]:
        """The values of “is one of”."""
        return [part.strip() for part in self.value.split(",") if part.strip()]


@dataclass(frozen=True)
class Group:
    """Conditions of which all, or any, must be true."""

    conditions: tuple[Condition, ...]
    match: str = "all"


@dataclass(frozen=True)
class Rule:
    """A routing rule ready to be compiled. It fires when any group is true, or when it has none."""

    id: int
    name: str
    groups: tuple[Group, ...]
    actions: Mapping[str, str]
    stops: bool = False
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def reads(self) -> frozenset[str]:
        """The fields its conditions look at."""
        return frozenset(condition.field for group in self.groups for condition in group.conditions)


def parse_groups(groups: object) -> tuple[Group, ...]:
    """Groups of conditions from JSON. Raises `InvalidInput` with a sentence for the first that makes no sense."""
    if not isinstance(groups, Sequence) or isinstance(groups, str):
        raise InvalidInput("The conditions of a rule are a list of groups.")
    return tuple(_group(group, number) for number, group in enumerate(groups, start=1))


def parse_actions(actions: object) -> dict[str, str]:
    """Actions from JSON. Raises `InvalidInput` when there is none, or a field cannot be set."""
    if not isinstance(actions, Mapping) or not actions:
        raise InvalidInput("Say what the rule should set: it has no action yet.")
    for field, value in actions.items():
        if field not in SETTABLE:
            raise InvalidInput(f"A rule cannot set “{FIELDS.get(str(field), field)}”. Choose another field.")
        if not isinstance(value, str) or len(value) > _LONGEST_VALUE or "\0" in value:
            raise InvalidInput(f"The value for “{FIELDS[field]}” must be text of at most {_LONGEST_VALUE} characters.")
    return {field: value.strip().upper() if field in CODE_FIELDS else value.strip() for field, value in actions.items()}


def _group(group: object, number: int) -> Group:
    if not isinstance(group, Mapping):
        raise InvalidInput(f"Group {number} cannot be read.")
    match = group.get("match", "all")
    if match not in MATCHES:
        raise InvalidInput(f"Group {number}: choose whether all or any of the conditions must be true.")
    conditions = group.get("conditions") or []
    if not isinstance(conditions, Sequence) or not conditions:
        raise InvalidInput(f"Group {number} has no condition. Add one, or remove the group.")
    return Group(tuple(_condition(condition, number) for condition in conditions), match)


def _condition(condition: object, number: int) -> Condition:
    if not isinstance(condition, Mapping):
        raise InvalidInput(f"Group {number}: a condition cannot be read.")
    parsed = Condition(
        str(condition.get("field", "")),
        str(condition.get("operator", "")),
        str(condition.get("value", "")),
        bool(condition.get("ignore_case", False)),
    )
    where = f"Group {number}, “{FIELDS.get(parsed.field, parsed.field)}”"
    if parsed.field not in FIELDS:
        raise InvalidInput(f"Group {number}: there is no field “{parsed.field}”.")
    if parsed.operator not in OPERATORS:
        raise InvalidInput(f"{where}: choose how to compare.")
    if len(parsed.value) > _LONGEST_VALUE or "\0" in parsed.value:
        raise InvalidInput(f"{where}: the value is too long.")
    if parsed.field == "amount":
        _check_amount(parsed, where)
    elif parsed.operator in ("greater_than", "less_than"):
        raise InvalidInput(f"{where}: only the amount can be more or less than something.")
    if parsed.operator not in WITHOUT_VALUE and not parsed.value:
        raise InvalidInput(f"{where}: say what to compare with, or choose “is blank”.")
    return parsed


def _check_amount(condition: Condition, where: str) -> None:
    if condition.operator not in FOR_AMOUNTS:
        raise InvalidInput(f"{where}: an amount can only be, not be, be more than or be less than something.")
    try:
        _ = condition.amount
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}") from error


def layers(rules: Iterable[Rule]) -> list[list[Rule]]:
    """The rules in order, cut into runs in which no rule looks at what an earlier rule of the same run may set.

    The rules of a run can be decided together; every run sees what the ones before it set.
    """
    found: list[list[Rule]] = []
    changed: set[str] = set()
    for rule in rules:
        if not found or rule.reads & changed:
            found.append([])
            changed = set()
        found[-1].append(rule)
        changed |= set(rule.actions)
    return found


def influential(rules: Sequence[Rule]) -> list[int]:
    """The places of the rules that set a field which a later rule looks at."""
    found = []
    for place, rule in enumerate(rules):
        if any(later.reads & set(rule.actions) for later in rules[place + 1 :]):
            found.append(place)
    return found


def conditions_in_words(groups: list[dict[str, Any]]) -> list[str]:
    """Each group of conditions as a sentence."""
    return [
        (" or " if group.get("match") == "any" else " and ").join(_in_words(c) for c in group["conditions"])
        for group in groups
    ]


def _in_words(condition: dict[str, Any]) -> str:
    name = FIELDS.get(condition["field"], condition["field"])
    comparison = OPERATORS.get(condition["operator"], condition["operator"]).split(" (")[0]
    value = "" if condition["operator"] in WITHOUT_VALUE else f" “{condition.get('value', '')}”"
    return f"{name} {comparison}{value}"
