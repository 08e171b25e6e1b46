"""How fast files are read by profile, and references checked, beside plain `csv` with `Decimal` on the same file.

    python tests/benchmarks/profiles.py [--rows 250000]

The baseline does the least anybody could do: split each row, read one date and one amount. The ratio says what names,
checks, messages and line numbers cost. Processor time, best of three, so that a busy machine matters less.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

PARKING = {
    "min": 10,
    "max": 10,
    "characters": "alphanumeric",
    "mask": "BJ#######@",
    "check_digit": {
        "kind": "weighted_sum",
        "modulus": 11,
        "prefix": "05",
        "weightings": "9,8,7,6,5,4,3,2,1,0",
        "substitutions": "10:A",
    },
}


def fifteen_fields(rows: int) -> bytes:
    return "".join(
        f"PSP{n:010d},INT{n},R{n % 100000},99,01/04/2026 10:{n % 60:02d},{n % 28 + 1:02d}/04/2026,77{n % 10**7:07d},"
        f'user{n % 50},{n % 30},15,{n % 100000 / 100:.2f},N0,0,0.00,"Payment {n}, thanks"\n'
        for n in range(rows)
    ).encode()


def four_fields(rows: int) -> bytes:
    return "".join(
        f'{n % 28 + 1:02d}/04/2026,77{n % 10**7:07d},{n % 100000 / 100:.2f},"Payment {n}, thanks"\n'
        for n in range(rows)
    ).encode()


def allpay_file(rows: int) -> bytes:
    total = sum(Decimal(n % 100000 + 1) for n in range(rows)) / 100
    details = "".join(
        f" 33561 77{n % 10**7:07d}       {(n % 100000 + 1) / 100:9.2f}P01/04/2026\r\n" for n in range(rows)
    )
    trailer = f"\r\n{'Total Amount Updated onto System:':34}{total:17.2f}\r\n"
    return (details + trailer + f"{'Total Transactions updated onto System:':40}{rows:17d}\r\n").encode()


def baseline(data: bytes, date_column: int, amount_column: int) -> int:
    total = Decimal(0)
    count = 0
    for row in csv.reader(io.TextIOWrapper(io.BytesIO(data), newline="")):
        datetime.strptime(row[date_column], "%d/%m/%Y").date()
        total += Decimal(row[amount_column])
        count += 1
    return count


def best(run: Callable[[], int], times: int = 3) -> tuple[float, int]:
    seconds = []
    for _ in range(times):
        started = time.process_time()
        count = run()
        seconds.append(time.process_time() - started)
    return min(seconds), count


def row(name: str, seconds: float, count: int, base: float | None) -> None:
    ratio = f"{seconds / base:6.2f} × plain csv" if base else ""
    print(f"{name:42} {count:>9,} rows {seconds:7.2f} s {count / seconds:>10,.0f} rows/s {ratio}")


def read_with(data: bytes, profile: object) -> int:
    from ims.formats.profile_reading import read
    from ims.formats.records import Entry

    return sum(type(record) is Entry for record in read(io.BytesIO(data), profile))  # type: ignore[arg-type]


def main() -> None:
    from ims.formats import allpay
    from ims.formats.profile import Profile, builtin
    from ims.formats.records import Entry
    from ims.references.rules import ReferenceRule, check_many

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000)
    rows = parser.parse_args().rows

    simple = Profile.from_config(
        {
            "name": "simple",
            "fields": 4,
            "columns": [
                {"field": "booked_on", "column": 1},
                {"field": "reference", "column": 2},
                {"field": "amount", "column": 3},
                {"field": "narrative", "column": 4},
            ],
        }
    )
    data = four_fields(rows)
    base, count = best(lambda: baseline(data, 0, 2))
    row("plain csv, 4 fields", base, count, None)
    row("profile, 4 fields", *best(lambda: read_with(data, simple)), base)
    wide = fifteen_fields(rows)
    base_wide, count = best(lambda: baseline(wide, 5, 10))
    row("plain csv, 15 fields", base_wide, count, None)
    row("profile receipts15", *best(lambda: read_with(wide, builtin("receipts15"))), base_wide)
    agent = allpay_file(rows)
    row("allpay", *best(lambda: sum(type(r) is Entry for r in allpay.read(io.BytesIO(agent)))), base)
    rule = ReferenceRule.from_config(PARKING)
    references = [f"BJ{n:07d}{n % 10}" for n in range(rows)]
    row("references: length, mask, check digit", *best(lambda: len(check_many(rule, references))), None)


if __name__ == "__main__":
    main()
