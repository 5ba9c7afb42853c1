-- Purpose:    the runs that wrote into this folder: what they were told and what they did
-- Grain:      one row per run
-- In:         runs.jsonl
-- Out:        view `runs`; a run that is going on, or was killed, has no `ended_at`
{%- from "views/records.sql" import records with context %}
create or replace view runs as
with
events as (
    select *
    {{ records([
        ("event", "varchar"), ("run", "bigint"), ("seconds", "double"), ("rows_labeled", "bigint"),
        ("rows_resumed", "bigint"), ("rows_quarantined", "bigint"), ("chunks_labeled", "bigint"),
        ("chunks_resumed", "bigint"), ("chunks_retried", "bigint"), ("rows_per_second", "double"),
        ("peak_rss_bytes", "bigint"), ("peak_spill_bytes", "bigint"), ("cleanups", "bigint"),
        ("reconnects", "bigint"), ("memory_limit_bytes", "bigint"), ("threads", "bigint"),
        ("workers", "bigint"), ("workers_lost", "bigint"),
        ("chunks_weighed", "bigint"), ("reference_month", "varchar"), ("warnings", "varchar[]"), ("advice", "varchar[]"), ("config", "json"), ("versions", "json"),
    ]) }}
    where parse_filename(filename) = 'runs.jsonl'
),

starts as (
    select *
    from events
    where event = 'start'
),

ends as (
    select *
    from events
    where event = 'end'
)

select
    run,
    starts.time as started_at,
    ends.time as ended_at,
    ends.seconds,
    ends.rows_labeled,
    ends.rows_resumed,
    ends.rows_quarantined,
    ends.chunks_labeled,
    ends.chunks_weighed,
    ends.chunks_resumed,
    ends.chunks_retried,
    ends.rows_per_second,
    ends.peak_rss_bytes,
    ends.peak_spill_bytes,
    ends.cleanups,
    ends.reconnects,
    coalesce(ends.memory_limit_bytes, starts.memory_limit_bytes) as memory_limit_bytes,
    coalesce(ends.threads, starts.threads) as threads,
    coalesce(ends.workers, starts.workers) as workers,
    ends.workers_lost,
    ends.reference_month,
    ends.warnings,
    ends.advice,
    starts.config,
    starts.versions
from starts
full join ends using (run)
order by run, ended_at;
