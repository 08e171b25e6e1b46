"""A file layout as data: which column holds what, how dates and amounts are written, what the trailer says.

Councils' banks and agents change their columns without notice, so a layout is a profile that an officer can edit,
not code. `Profile.from_config` and `to_config` turn it from and into JSON; `validate` says what is wrong with it in
sentences. `profile_reading` opens a file by it.

Positions count from 1, as people count columns. Amounts end up signed as the bank account sees them.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from importlib import resources
from typing import Any, get_args

from ims.common.errors import InvalidInput
from ims.common.patterns import pattern_fault
from ims.formats.profile_values import DATE_FORMATS
from ims.formats.records import EntryKind

LAYOUTS = ("delimited", "fixed_width", "labelled", "spreadsheet")
ORDERS = ("oldest_first", "newest_first", "detect")
RECORD_KINDS = ("skip", "header", "trailer")
SCALES = ("pounds", "pence")
SIGNS = ("signed", "unsigned", "reversed")

TEXT_FIELDS = (
    "reference",
    "bank_reference",
    "end_to_end_reference",
    "payer_name",
    "payer_sort_code",
    "payer_account",
    "narrative",
    "type_code",
    "currency",
    "fund",
    "method_of_payment",
    "office",
    "vat_code",
    "reason_code",
    "reason",
)
DATE_FIELDS = ("booked_on", "value_on")
MONEY_FIELDS = ("amount", "debit", "credit", "balance", "gross", "fee", "net", "vat_amount")
SPECIAL_FIELDS = ("sign", "account", "account_sort_code")
EXTRA_PREFIX = "extra."
MOST_COLUMNS = 500
LONGEST_PATTERN = 300

ENCODINGS = ("", "utf-8", "utf-8-sig", "utf-16", "cp1252", "iso-8859-1", "ascii", "cp037", "cp500", "cp1047", "cp1140")
_KINDS = get_args(EntryKind)


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a row and what becomes of it.

    It is found by number (``column``), by heading (any of ``heading``), by place (``start``, ``length``), or is the
    same on every row (``constant``).
    """

    field: str
    column: int = 0
    heading: tuple[str, ...] = ()
    start: int = 0
    length: int = 0
    constant: str | None = None
    default: str = ""
    required: bool = False
    strip: str = ""
    """Characters to take off both ends, besides spaces: the apostrophe of some spreadsheets' text cells."""
    remove: str = ""
    """Characters to take out wherever they stand, such as the spaces within a reference."""
    dates: tuple[str, ...] = ()
    """How its dates are written; dd/mm/yyyy unless said. On an ``extra.`` field: it must be a date, kept as ISO."""
    number: bool = False
    """An ``extra.`` field that must be a decimal number."""
    sign: str = ""
    scale: str = "pounds"
    decimal_mark: str = "."
    debit_values: tuple[str, ...] = ("D", "DR", "DEBIT", "-")
    credit_values: tuple[str, ...] = ("C", "CR", "CREDIT", "+")
    values: Mapping[str, str] = field(default_factory=dict)
    """Translations of what the file says into what IMS calls it."""
    max_length: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a header or trailer holds a value: a column, or a start and length; and its scale if it is money."""

    column: int = 0
    start: int = 0
    length: int = 0
    scale: str = "pounds"


@dataclass(frozen=True, slots=True)
class RecordRule:
    """Rows that are not receipts: to be skipped, or headers and trailers with what they declare.

    A row is recognised by the start of its text (``prefix``), by ``regex`` (whose groups named count, sum, account
    and number also give the values), or, for skipping, by one ``column`` having one of ``equals``.
    """

    kind: str
    prefix: str = ""
    regex: str = ""
    column: int = 0
    equals: tuple[str, ...] = ()
    count: Place | None = None
    sum: Place | None = None
    account: Place | None = None
    number: Place | None = None
    required: bool = True
    counts_itself: bool = False
    """The declared count includes headers and trailers."""
    scale: str = "pounds"
    """The scale of the sum when the pattern gives it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything needed to read one sender's files."""

    name: str
    columns: tuple[Column, ...]
    title: str = ""
    layout: str = "delimited"
    delimiter: str = ","
    """Empty: told from the file."""
    quote: str = '"'
    encoding: str = ""
    """Empty: UTF-8 where it is, Windows-1252 where it is not."""
    skip_rows: int = 0
    fields: int = 0
    """The exact number of fields of a row; 0: as many as the headings, or as the columns ask for."""
    record_length: int = 0
    """Fixed width: the shortest a data row may be; 0: as the columns ask for."""
    sheet: str = ""
    currency: str = "GBP"
    account: str = ""
    kind: str = "receipt"
    """What a row with money in is."""
    kind_out: str = "payment"
    """What a row with money out is. In an agent's file it is a receipt taken back, so "receipt"."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """By the file's own type code: what such a row is."""
    order: str = "oldest_first"
    check_balances: bool = True
    records: tuple[RecordRule, ...] = ()
    notes: str = ""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Profile:
        """Build a profile from JSON. Raises `InvalidInput` with every fault in ``details``."""
        if not isinstance(config, Mapping):
            raise InvalidInput("A file profile is described by settings in braces, starting with “name”.")
        values = _known_settings(cls, config, "a file profile")
        columns = _list(values.get("columns"), "columns")
        values["columns"] = tuple(_part(Column, item, "a column") for item in columns)
        records = _list(values.get("records"), "records")
        values["records"] = tuple(_record_rule(item) for item in records)
        values.setdefault("name", "")
        profile = _construct(cls, values, "The profile")
        problems = profile.validate()
        if problems:
            raise InvalidInput(problems[0], details=problems)
        return profile

    def to_config(self) -> dict[str, Any]:
        """The JSON that `from_config` turns back into this profile; settings left at their default are left out."""
        config = _changed(self)
        config["columns"] = [_changed(column) for column in self.columns]
        if self.records:
            config["records"] = [_changed(record) for record in self.records]
        return config

    def validate(self) -> list[str]:
        """What is wrong with the profile, one sentence for each fault; empty when files can be read by it."""
        problems = _layout_faults(self)
        if not 0 < len(self.columns) <= MOST_COLUMNS:
            problems.append(f"A profile has between 1 and {MOST_COLUMNS} columns.")
        for column in self.columns:
            problems.extend(_column_faults(self, column))
        for record in self.records:
            problems.extend(_record_faults(record))
        problems.extend(_money_faults(self))
        return problems

    @property
    def uses_headings(self) -> bool:
        return any(column.heading for column in self.columns)


def builtin_names() -> list[str]:
    """Names of the profiles that come with IMS."""
    folder = resources.files("ims.formats") / "profiles"
    return sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))


@lru_cache(maxsize=64)
def builtin(name: str) -> Profile:
    """A profile that comes with IMS. Raises `InvalidInput` when there is none of that name."""
    return Profile.from_config(_builtin_config(name))


def builtin_title(name: str) -> str:
    """The title of a profile that comes with IMS, without the work of building it. Raises like `builtin`."""
    return _builtin_config(name)["title"]


def _builtin_config(name: str) -> Mapping[str, Any]:
    if name not in builtin_names():
        raise InvalidInput(f"There is no built-in profile “{name}”. There are: {', '.join(builtin_names())}.")
    text = (resources.files("ims.formats") / "profiles" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text)


def _record_rule(config: object) -> RecordRule:
    if isinstance(config, Mapping):
        config = dict(config)
        for name in ("count", "sum", "account", "number"):
            if config.get(name) is not None:
                config[name] = _part(Place, config[name], f"the place of the {name}")
    return _part(RecordRule, config, "a record")


def _part(kind: type, config: object, what: str) -> Any:
    if not isinstance(config, Mapping):
        raise InvalidInput(f"Each entry for {what} is described by settings in braces.")
    return _construct(kind, _known_settings(kind, config, what), f"The settings of {what}")


def _known_settings(kind: type, config: Mapping[str, Any], what: str) -> dict[str, Any]:
    names = [item.name for item in fields(kind)]
    unknown = sorted(str(key) for key in config if key not in names)
    if unknown:
        raise InvalidInput(f"“{unknown[0]}” is not a setting of {what}. Use {', '.join(names)}.")
    return {str(key): value for key, value in config.items() if value is not None}


def _construct(kind: type, values: dict[str, Any], what: str) -> Any:
    """Check each value against the type of its default, then build. JSON lists become tuples."""
    ready = {}
    for item in fields(kind):
        if item.name not in values:
            if item.default is MISSING and item.default_factory is MISSING:
                raise InvalidInput(f"{what} must have “{item.name}”.")
            continue
        ready[item.name] = _typed(values[item.name], item, what)
    return kind(**ready)


def _typed(value: Any, item: Any, what: str) -> Any:
    default = item.default if item.default is not MISSING else None
    if item.default_factory is not MISSING:
        if not isinstance(value, Mapping) or len(value) > 1000:
            raise InvalidInput(f"{what}: “{item.name}” must be pairs in braces.")
        return {str(key): str(text) for key, text in value.items()}
    if isinstance(default, tuple) or item.name == "columns":
        return (value,) if isinstance(value, str) else _tuple(value, item.name, what)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InvalidInput(f"{what}: “{item.name}” must be true or false, not “{value}”.")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
            raise InvalidInput(f"{what}: “{item.name}” must be a whole number from 0, not “{value}”.")
        return value
    if isinstance(default, str) or item.name in {"field", "name", "kind", "constant"}:
        if not isinstance(value, str):
            raise InvalidInput(f"{what}: “{item.name}” must be text, not “{value}”.")
        return value
    return value


def _list(value: object, name: str) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise InvalidInput(f"“{name}” must be a list.")
    return value


def _tuple(value: object, name: str, what: str) -> tuple[Any, ...]:
    if isinstance(value, Mapping) or not isinstance(value, Sequence):
        raise InvalidInput(f"{what}: “{name}” must be a list.")
    if name != "columns" and name != "records" and not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{what}: “{name}” must be a list of texts.")
    return tuple(value)


def _changed(part: Any) -> dict[str, Any]:
    config = {}
    for item in fields(part):
        value = getattr(part, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if value == default or item.name in {"columns", "records"}:
            continue
        if isinstance(value, Place):
            value = _changed(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        config[item.name] = value
    return config


def _layout_faults(profile: Profile) -> list[str]:
    faults = []
    for name, value, allowed in (
        ("layout", profile.layout, LAYOUTS),
        ("order", profile.order, ORDERS),
        ("kind", profile.kind, _KINDS),
        ("kind", profile.kind_out, _KINDS),
        ("encoding", profile.encoding, ENCODINGS),
    ):
        if value not in allowed:
            faults.append(f"“{value}” is not a {name}. Use one of {', '.join(repr(item) for item in allowed)}.")
    if not profile.name:
        faults.append("The profile has no name. Give it one.")
    if len(profile.delimiter) > 1 or profile.delimiter in {'"', "\n", "\r", "\0"}:
        faults.append("The delimiter must be one character, such as a comma, or blank to have it told from the file.")
    if len(profile.quote) > 1 or profile.quote in {"\n", "\r", "\0"}:
        faults.append("The quote must be one character, or blank when the file has none.")
    if profile.quote and profile.quote == profile.delimiter:
        faults.append("The quote and the delimiter must not be the same character.")
    unknown = sorted(kind for kind in profile.kinds.values() if kind not in _KINDS)
    if unknown:
        faults.append(f"“{unknown[0]}” is not a kind of entry. Use one of {', '.join(_KINDS)}.")
    if profile.encoding:
        try:
            codecs.lookup(profile.encoding)
        except LookupError:
            faults.append(f"The encoding “{profile.encoding}” is not known.")
    return faults


def _column_faults(profile: Profile, column: Column) -> list[str]:
    name = column.field
    faults = []
    known = (*TEXT_FIELDS, *DATE_FIELDS, *MONEY_FIELDS, *SPECIAL_FIELDS)
    if name not in known and not (name.startswith(EXTRA_PREFIX) and len(name) > len(EXTRA_PREFIX)):
        faults.append(f"“{name}” is not a field. Use one of {', '.join(known)}, or {EXTRA_PREFIX}<name>.")
    ways = [column.column > 0, bool(column.heading), column.start > 0, column.constant is not None]
    if sum(ways) != 1:
        faults.append(f"Say where “{name}” is: by column, heading, start and length, or as a constant; one of them.")
    if column.start and not column.length:
        faults.append(f"“{name}” has a start but no length. Give its length.")
    if column.start and profile.layout != "fixed_width":
        faults.append(f"“{name}” is given by start and length, which only a fixed width layout has.")
    if column.column and profile.layout in {"fixed_width", "labelled"}:
        faults.append(f"“{name}” is given by column number, which a {profile.layout} layout does not have.")
    if column.heading and profile.layout == "fixed_width":
        faults.append(f"“{name}” is given by heading, which a fixed width layout does not have.")
    unknown = [text for text in column.dates if text not in DATE_FORMATS]
    if unknown:
        faults.append(f"“{', '.join(unknown)}” is no way of writing dates. Use one of {', '.join(DATE_FORMATS)}.")
    if profile.fields and column.column > profile.fields:
        faults.append(f"“{name}” is in column {column.column}, but a row has only {profile.fields} fields.")
    if column.scale not in SCALES:
        faults.append(f"The scale of “{name}” must be pounds or pence, not “{column.scale}”.")
    if column.sign and column.sign not in SIGNS:
        faults.append(f"The sign of “{name}” must be one of {', '.join(SIGNS)}, not “{column.sign}”.")
    if column.decimal_mark not in {".", ","}:
        faults.append(f"The decimal mark of “{name}” must be a point or a comma.")
    return faults


def _record_faults(record: RecordRule) -> list[str]:
    faults = []
    if record.kind not in RECORD_KINDS:
        faults.append(f"“{record.kind}” is not a kind of record. Use one of {', '.join(RECORD_KINDS)}.")
    if not (record.prefix or record.regex or (record.column and record.equals)):
        faults.append(f"Say how the {record.kind} record is recognised: by prefix, regex, or column and equals.")
    if len(record.regex) > LONGEST_PATTERN:
        faults.append(f"A pattern may have at most {LONGEST_PATTERN} characters.")
    elif record.regex and (fault := pattern_fault(record.regex)):
        faults.append(fault)
    return faults


def _money_faults(profile: Profile) -> list[str]:
    names = [column.field for column in profile.columns]
    repeatable = {"narrative"}
    faults = [
        f"“{name}” is given twice. Keep one."
        for name in sorted(set(names))
        if names.count(name) > 1 and name not in repeatable
    ]
    has_pair = "debit" in names or "credit" in names
    if "amount" in names and has_pair:
        faults.append("Give either an amount, or debit and credit columns, not both.")
    if "amount" not in names and not has_pair:
        faults.append("The profile says nowhere what the amount is. Give an amount, or debit and credit columns.")
    if "sign" in names and "amount" not in names:
        faults.append("A sign column needs an amount column to go with it.")
    return faults
