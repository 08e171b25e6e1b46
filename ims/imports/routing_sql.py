"""Routing rules turned into one SELECT over all rows of a file.

Each run of independent rules (see `ims.imports.rules.layers`) becomes two nested queries: one that decides which rules
fire, one that sets the fields. `OFFSET 0` keeps PostgreSQL from merging them, which would work out every condition
again for every field it may set.

Most rows of a file are touched by no rule. Whether one is, PostgreSQL works out while the file is still being read
(`touched_sql`, a generated column of the stage); all others pass by the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg import sql

from ims.imports.rules import SETTABLE, Condition, Group, Rule, influential, layers

_NEVER = sql.SQL("false")
_ALWAYS = sql.SQL("true")


def routed(source: sql.Composable, columns: Sequence[str], rules: Sequence[Rule]) -> sql.Composable:
    """A SELECT with the `columns` of `source`, as `rules` leave them, and `rules`, the numbers of those that fired.

    `source` must be a SELECT that yields `columns`, among them those of `SETTABLE` and `received_on`, and `touched`:
    what `touched_sql` says of the row.
    """
    begun = sql.SQL("SELECT {columns}, NULL::int[] AS rules, false AS stopped FROM ({source}) AS given WHERE ").format(
        columns=_names(columns), source=source
    )
    untouched = begun + sql.SQL("NOT touched")
    return (
        sql.SQL("{} UNION ALL {}").format(untouched, _fired(begun + sql.SQL("touched"), columns, rules))
        if rules
        else untouched
    )


def touched_sql(rules: Sequence[Rule], column: Callable[[str], sql.Composable]) -> sql.Composable:
    """Whether any of `rules` fires on a row as it was read: where none does, none ever will. `column` names a field."""
    return (
        sql.SQL(" OR ").join(sql.SQL("coalesce({}, false)").format(condition_sql(rule, column)) for rule in rules)
        if rules
        else _NEVER
    )


def _fired(begun: sql.Composable, columns: Sequence[str], rules: Sequence[Rule]) -> sql.Composable:
    """The rows of `begun` as `rules` leave them."""
    runs = layers(rules)
    if len(runs) <= 1:
        return _layer(begun, columns, rules)
    # Rules that set what a later rule looks at fire on few rows. Those rows go through the runs one after the other;
    # all others are decided in one go, which costs a fraction.
    heard = influential(rules)
    stepwise = sql.SQL("SELECT * FROM ({}) AS r WHERE {}").format(
        begun, sql.SQL(" OR ").join(sql.SQL("coalesce({}, false)").format(condition_sql(rules[n])) for n in heard)
    )
    for run in runs:
        stepwise = _layer(stepwise, columns, run)
    at_once = _layer(begun, columns, rules, without=heard)
    return sql.SQL("{} UNION ALL {}").format(at_once, stepwise)


def _of_the_row(field: str) -> sql.Composable:
    return sql.SQL("r.{}").format(sql.Identifier(field))


def condition_sql(rule: Rule, column: Callable[[str], sql.Composable] = _of_the_row) -> sql.Composable:
    """Whether `rule` fires on a row called `r` (or on one whose fields `column` names)."""
    parts = []
    if rule.groups:
        parts.append(sql.SQL("({})").format(sql.SQL(" OR ").join(_group(group, column) for group in rule.groups)))
    if rule.valid_from:
        parts.append(sql.SQL("{} >= {}").format(column("received_on"), sql.Literal(rule.valid_from)))
    if rule.valid_to:
        parts.append(sql.SQL("{} <= {}").format(column("received_on"), sql.Literal(rule.valid_to)))
    return sql.SQL(" AND ").join(parts) if parts else _ALWAYS


def _layer(
    query: sql.Composable, columns: Sequence[str], rules: Sequence[Rule], *, without: Sequence[int] = ()
) -> sql.Composable:
    """The rows of `query` as `rules`, none of which hears another, leave them; `without` those some rules fire on."""
    hits = sql.SQL(", ").join(
        sql.SQL("coalesce({}, false) AS {}").format(condition_sql(rule), _hit(number))
        for number, rule in enumerate(rules)
    )
    decided = sql.SQL("SELECT r.*, {hits} FROM ({query}) AS r OFFSET 0").format(hits=hits, query=query)
    any_hit = sql.SQL(" OR ").join(_hit(number) for number in range(len(rules)))
    stops = [number for number, rule in enumerate(rules) if rule.stops]
    stop_at = (
        sql.SQL("CASE {} ELSE {} END").format(
            sql.SQL(" ").join(sql.SQL("WHEN {} THEN {}").format(_hit(n), sql.Literal(n)) for n in stops),
            sql.Literal(len(rules)),
        )
        if stops
        else sql.Literal(len(rules))
    )
    wanted = sql.SQL("WHERE NOT ({})").format(sql.SQL(" OR ").join(map(_hit, without))) if without else sql.SQL("")
    weighed = sql.SQL(
        "SELECT d.*, NOT stopped AND ({any_hit}) AS any_hit, {stop_at} AS stop_at"
        " FROM ({decided}) AS d {wanted} OFFSET 0"
    ).format(any_hit=any_hit, stop_at=stop_at, decided=decided, wanted=wanted)
    outputs = [_value(name, rules) if name in SETTABLE else sql.Identifier(name) for name in columns]
    fired = sql.SQL(", ").join(
        sql.SQL("CASE WHEN {} THEN {} END").format(_effective(number), sql.Literal(rule.id))
        for number, rule in enumerate(rules)
    )
    return sql.SQL(
        "SELECT {outputs}, CASE WHEN any_hit THEN rules || array_remove(ARRAY[{fired}]::int[], NULL) ELSE rules END"
        " AS rules, stopped OR (any_hit AND stop_at < {count}) AS stopped FROM ({weighed}) AS w"
    ).format(outputs=sql.SQL(", ").join(outputs), fired=fired, count=sql.Literal(len(rules)), weighed=weighed)


def _value(name: str, rules: Sequence[Rule]) -> sql.Composable:
    """The last rule that fires and sets the field has it."""
    setters = [(number, rule) for number, rule in enumerate(rules) if name in rule.actions]
    if not setters:
        return sql.Identifier(name)
    cases = sql.SQL(" ").join(
        sql.SQL("WHEN {} THEN {}").format(_effective(number), sql.Literal(rule.actions[name]))
        for number, rule in reversed(setters)
    )
    return sql.SQL("CASE WHEN NOT any_hit THEN {name} {cases} ELSE {name} END AS {name}").format(
        name=sql.Identifier(name), cases=cases
    )


def _effective(number: int) -> sql.Composable:
    return sql.SQL("({} AND {} <= stop_at)").format(_hit(number), sql.Literal(number))


def _hit(number: int) -> sql.Composable:
    return sql.Identifier(f"hit{number}")


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _group(group: Group, column: Callable[[str], sql.Composable]) -> sql.Composable:
    word = sql.SQL(" AND ") if group.match == "all" else sql.SQL(" OR ")
    return sql.SQL("({})").format(word.join(_condition(condition, column) for condition in group.conditions))


def _condition(condition: Condition, field: Callable[[str], sql.Composable]) -> sql.Composable:
    column = field(condition.field)
    if condition.field == "amount":
        comparison = {"equals": "=", "not_equals": "<>", "greater_than": ">", "less_than": "<"}[condition.operator]
        return sql.SQL("{} {} {}").format(column, sql.SQL(comparison), sql.Literal(condition.amount))
    value = condition.value
    if condition.ignore_case:
        column, value = sql.SQL("upper({})").format(column), value.upper()
    text = sql.Literal(value)
    match condition.operator:
        case "contains":
            return sql.SQL("strpos({}, {}) > 0").format(column, text)
        case "not_contains":
            return sql.SQL("strpos({}, {}) = 0").format(column, text)
        case "starts_with":
            return sql.SQL("starts_with({}, {})").format(column, text)
        case "ends_with":
            return sql.SQL("right({}, {}) = {}").format(column, sql.Literal(len(value)), text)
        case "equals":
            return sql.SQL("{} = {}").format(column, text)
        case "not_equals":
            return sql.SQL("{} <> {}").format(column, text)
        case "blank":
            return sql.SQL("btrim({}) = ''").format(column)
        case "not_blank":
            return sql.SQL("btrim({}) <> ''").format(column)
        case "one_of":
            choices = [choice.upper() if condition.ignore_case else choice for choice in condition.choices]
            return sql.SQL("{} = ANY({})").format(column, sql.Literal(choices))
    return _NEVER
