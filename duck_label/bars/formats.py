"""What a file is that is no Parquet file, told by its first and last bytes, and the way on."""

from __future__ import annotations

import os
import shlex
import zlib
from io import BufferedReader

from duck_label.errors import InputError
from duck_label.storage.reading import StoredFile

_END = b"PAR1"
_LEAST_BYTES = 12
_HEAD_BYTES = 512
_FROM_TEXT = (
    "convert it with: python -c \"import duckdb; duckdb.sql('''copy (from READER('{path}'MORE)) "
    "to '{path}.parquet' (format parquet)''')\""
)
_FROM_ARROW = (
    'convert it with: python -c "import pyarrow.feather, pyarrow.parquet; '
    "pyarrow.parquet.write_table(pyarrow.feather.read_table('{path}'), '{path}.parquet')\""
)
_FROM_STREAM = (
    'convert it with: python -c "import pyarrow, pyarrow.parquet; '
    "pyarrow.parquet.write_table(pyarrow.ipc.open_stream('{path}').read_all(), "
    "'{path}.parquet')\""
)
_FROM_WORKBOOK = (
    "convert it with: python -c \"import pandas; pandas.read_excel('{path}')"
    ".to_parquet('{path}.parquet')\" (pip install openpyxl)"
)
_UNPACK = "unpack it first"
# In its place, or a folder would hold it twice. `gzip -d` refuses a name that does not end in .gz.
_FROM_GZIP = (
    "unpack it in its place: gzip -dc {quoted} > {quoted}.unpacked && mv {quoted}.unpacked {quoted}"
)
# A workbook is a zip archive whose first file is one of these.
_PARTS_OF_A_WORKBOOK = (b"[Content_Types].xml", b"docProps/", b"xl/", b"_rels/")
# How files of other formats begin.
_BEGINNINGS = (
    (b"ARROW1", "an Arrow file", _FROM_ARROW),
    (b"FEA1", "a Feather file of version 1", _FROM_ARROW),
    (b"\xff\xff\xff\xff", "a stream of Arrow", _FROM_STREAM),
    (b"PK\x03\x04", "a zip archive", f"{_UNPACK}: python -m zipfile -e {{path}} ."),
    (b"\x1f\x8b", "compressed with gzip", _FROM_GZIP),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK),
    (b"DBN", "a DBN file of Databento", "write it as Parquet with databento's to_parquet"),
)


def refuse_others(path: str, file: BufferedReader | StoredFile) -> int:
    """The size of a file that ends as a Parquet file does.

    Raises:
        InputError: for any other, saying what it is and what to do.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - len(_END)))
    end = file.read(len(_END))
    if size >= _LEAST_BYTES and end == _END:
        return size
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if end == b"PARE":
        raise InputError(
            f"{path}: is encrypted: write it anew without encryption; duck-label takes no keys"
        )
    if not head.startswith(_END) and (told := _told(head)) is not None:
        what, way = told
        before = ""
        here = path
        if isinstance(file, StoredFile):
            before, here = "download it and ", path.rpartition("/")[2]
        on = way.format(path=here, quoted=shlex.quote(here))
        raise InputError(f"{path}: is {what}, not Parquet: {before}{on}")
    raise InputError(
        f"{path}: not a whole Parquet file (it does not end in PAR1): "
        "truncated, still being written, or of another format"
    )


def _told(head: bytes) -> tuple[str, str] | None:
    """What a file is that begins so, and the way on; nothing where nobody knows."""
    if head.startswith(b"PK") and any(part in head for part in _PARTS_OF_A_WORKBOOK):
        return "a workbook", _FROM_WORKBOOK
    for beginning, what, way in _BEGINNINGS:
        if head.startswith(beginning):
            text = _text(_unpacked(head)) if way is _FROM_GZIP else None
            # DuckDB unpacks what it reads as text, so that nothing need be unpacked before.
            return (what, way) if text is None else _from_text(*text, ", compression = 'gzip'")
    text = _text(head)
    return None if text is None else _from_text(*text)


def _from_text(what: str, reader: str, more: str = "") -> tuple[str, str]:
    """What a text is, and the way on."""
    what += " compressed with gzip" if more else ""
    return what, _FROM_TEXT.replace("READER", reader).replace("MORE", more)


def _text(head: bytes) -> tuple[str, str] | None:
    """What text a file is, and what DuckDB reads it with."""
    if head.startswith((b"{", b"[")):
        return "JSON", "read_json"
    return ("text such as CSV", "read_csv") if head and _is_text(head) else None


def _unpacked(head: bytes) -> bytes:
    """The beginning of what gzip has packed, as far as it can be told."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
    except zlib.error:
        return b""


def _is_text(head: bytes) -> bool:
    # The last character may be cut.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) >= len(head) - 3 and b"\n" in head and b"\0" not in head
