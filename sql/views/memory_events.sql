-- Purpose:    what the memory manager noticed and did
-- Grain:      one row per event
-- In:         memory_events.jsonl
-- Out:        view `memory_events`
{%- from "views/records.sql" import records with context %}
create or replace view memory_events as
with
events as (
    select *
    {{ records([
        ("run", "bigint"), ("kind", "varchar"), ("reason", "varchar"), ("before_bytes", "bigint"),
        ("after_bytes", "bigint"), ("chunk", "varchar"), ("step", "varchar"),
    ]) }}
    where parse_filename(filename) = 'memory_events.jsonl' and time is not null
)

select
    run,
    time,
    kind,
    reason,
    before_bytes,
    after_bytes,
    chunk,
    step
from events
order by time;
