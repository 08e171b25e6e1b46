"""What would stop payments, or let practice be taken for money. Checks report; they never repair."""

from __future__ import annotations
