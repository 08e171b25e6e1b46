"""A year written with four digits is that year, and refused when it cannot be."""

from __future__ import annotations

import io

from ims.formats.profile import builtin
from ims.formats.profile_reading import read
from ims.formats.records import Problem


def test_a_year_of_four_digits_is_not_taken_for_two():
    row = b"700123452,1,R1,99,20/11/0026,20/11/0026,700123452,1,23,28,10.00,N0,0,0.00,COUNCIL TAX\r\n"
    found = list(read(io.BytesIO(row), builtin("receipts15")))
    assert [record for record in found if isinstance(record, Problem) and "0026" in record.message + record.value]
