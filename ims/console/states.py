"""The colour of each state's badge, the same on every screen."""

from __future__ import annotations

_COLOURS = {
    "green": "posted loaded agreed proven matched allocated sent open active done passed complete clear"
    " paid captured settled succeeded won",
    "blue": "received receipt import ready checked validated built queued new previewed approved opened",
    "light-blue": "receiving parsing validating posting running doing working in_progress matching"
    " sending submitted paying under_review",
    "yellow": "needs_attention attention late partly_posted partial waiting suspect duplicate quarantined on_hold"
    " needs_response never_made",
    "orange": "overdue stopped held stale",
    "red": "failed refused rejected error bad different disagreed missing declined lost undone",
    "purple": "journal transfer allocation corrected",
    "magenta": "reversed reversal cancelled reversing",
    "grey": "closed expected draft superseded gone inactive none withdrawn expired",
}
_BY_STATE = {state: colour for colour, states in _COLOURS.items() for state in states.split()}


def colour_of(state: object) -> str:
    """The badge colour of `state`; grey for one that nobody has given a colour."""
    return _BY_STATE.get(str(state).lower(), "grey")
