"""How sizes of memory and disk are written, and shares of them.

pydantic's `ByteSize` is no help here: it passes over what stands behind the unit, reads 8Gbit as
a size, and 1.5 as one byte.
"""

from __future__ import annotations

import re

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT])(I?)B", re.IGNORECASE)
_BYTES = re.compile(r"([0-9]+)\s*B?", re.IGNORECASE)
_SHARE = re.compile(r"0?\.[0-9]*[1-9][0-9]*|1(?:\.0*)?")


def size_of(text: str) -> int | None:
    """The bytes of a size such as 8GB (decimal) or 512MiB (binary), as DuckDB reads them."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** (1 + "KMGT".index(match[2].upper())))


def bytes_of(text: str) -> int | None:
    """The bytes of a size, or of a number of bytes."""
    match = _BYTES.fullmatch(text.strip())
    return size_of(text) if match is None else int(match[1])


def share_of(text: str) -> float | None:
    """A share such as 0.5, above zero and at most 1."""
    return float(text) if _SHARE.fullmatch(text.strip()) else None
