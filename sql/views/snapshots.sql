-- Purpose:    memory over time: what the process, DuckDB in it, and the machine held
-- Grain:      one row per sample
-- In:         snapshots/RUN.jsonl
-- Out:        view `snapshots`
{%- from "views/records.sql" import records with context %}
create or replace view snapshots as
with
samples as (
    select *
    {{ records([
        ("chunk", "varchar"), ("step", "varchar"), ("rss_bytes", "bigint"), ("vms_bytes", "bigint"),
        ("available_bytes", "bigint"), ("percent_used", "double"), ("duckdb_bytes", "bigint"),
        ("spill_bytes", "bigint"),
    ]) }}
    where regexp_matches(filename, '[/\\]snapshots[/\\]\d+\.jsonl$') and time is not null
)

select
    regexp_extract(filename, '(\d+)\.jsonl$', 1)::bigint as run,
    time,
    chunk,
    step,
    rss_bytes,
    vms_bytes,
    available_bytes,
    percent_used,
    duckdb_bytes,
    spill_bytes
from samples
order by run, time;
