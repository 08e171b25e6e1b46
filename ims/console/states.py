"""The colour of each state's badge, the same on every screen."""

from __future__ import annotations

_COLOURS = {
    "green": "posted loaded agreed proven matched allocated sent open active succeeded done passed complete clear",
    "blue": "received receipt import ready checked validated built queued new previewed",
    "light-blue": "receiving parsing validating posting running doing working in_progress matching",
    "yellow": "needs_attention attention late partly_posted partial waiting suspect duplicate quarantined on_hold",
    "orange": "overdue stopped held",
    "red": "failed refused rejected error bad different disagreed missing",
    "purple": "journal transfer allocation corrected",
    "magenta": "reversed reversal cancelled reversing",
    "grey": "closed expected draft superseded gone inactive none withdrawn",
}
_BY_STATE = {state: colour for colour, states in _COLOURS.items() for state in states.split()}


def colour_of(state: object) -> str:
    """The badge colour of `state`; grey for one that nobody has given a colour."""
    return _BY_STATE.get(str(state).lower(), "grey")
