"""DuckDB's own way to S3, its extension httpfs, where it is installed: nothing is installed here.

It takes credentials once. Those that expire are renewed by the library that fsspec uses, so that
with them, or where anything about the extension is not as it should be, fsspec reads.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import duckdb
from fsspec.config import conf

from duck_label.columns import literal


def serves(connection: duckdb.DuckDBPyConnection, scheme: str) -> bool:
    """Whether the extension is there and reads this scheme from now on."""
    if scheme != "s3":
        return False
    try:
        installed = connection.execute(
            "select 1 from duckdb_extensions() where extension_name = 'httpfs' and installed"
        ).fetchall()
        options = _secret() if installed else None
        if options is None:
            return False
        connection.execute("load httpfs")
        settings = "".join(f", {key} {literal(value)}" for key, value in options.items())
        connection.execute(f"create or replace temporary secret duck_label (type s3{settings})")
    except duckdb.Error:
        return False
    return True


def _secret() -> dict[str, str] | None:
    """What the extension is to know; None where fsspec is told more, or credentials expire."""
    from botocore.session import get_session

    session = get_session()
    credentials = session.get_credentials()
    if conf.get("s3") or credentials is None or hasattr(credentials, "refresh_needed"):
        return None
    known = {
        "key_id": credentials.access_key,
        "secret": credentials.secret_key,
        "session_token": credentials.token,
        "region": session.get_config_variable("region"),
    }
    client = session.create_client("s3", region_name=known["region"] or "us-east-1")
    point = urlsplit(client.meta.endpoint_url)
    if not (point.hostname or "").endswith("amazonaws.com"):
        known |= {"endpoint": point.netloc, "url_style": "path"}
        known |= {"use_ssl": str(point.scheme == "https").lower()}
    return {name: value for name, value in known.items() if value}
