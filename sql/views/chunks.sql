-- Purpose:    the finished chunks: what each holds and what it took
-- Grain:      one row per finished chunk whose part file is there
-- In:         chunks.jsonl; the names and sizes of the part files
-- Out:        view `chunks`; from `chunk_from` until before `chunk_until`. A chunk without a file held no bar.
{%- from "views/records.sql" import records with context %}
create or replace view chunks as
with
recorded_lines as (
    select *
    {{ records([
        ("event", "varchar"), ("run", "bigint"), ("start", "bigint"), ("end", "bigint"), ("file", "varchar"), ("rows", "bigint"),
        ("bars", "bigint"), ("bars_in_flight", "bigint"), ("lone_events", "bigint"),
        ("size_bytes", "bigint"), ("predicted_rows", "bigint"), ("predicted_peak_bytes", "bigint"),
        ("peak_rss_bytes", "bigint"), ("floor_rss_bytes", "bigint"), ("spill_bytes", "bigint"),
        ("seconds", "double"), ("attempts", "bigint"), ("steps", "map(varchar, double)"),
    ]) }}
    where parse_filename(filename) = 'chunks.jsonl' and time is not null
),

recorded_chunks as (
    select * exclude (event)
    from recorded_lines
    where event is null
    qualify row_number() over (partition by "start", "end" order by time desc) = 1
),

part_files as (
    select
        parse_filename(filename) as file,
        size as size_bytes
    from read_blob({{ folder }} || '/*.parquet')
),

-- A part that was weighed anew has a line of its own, which may be there before it.
recorded_parts as (
    select distinct
        recorded_chunks."start",
        recorded_chunks."end",
        part_files.size_bytes
    from recorded_chunks
    inner join recorded_lines
        on
            recorded_chunks."start" = recorded_lines."start"
            and recorded_chunks."end" = recorded_lines."end"
            and recorded_chunks.time <= recorded_lines.time
    inner join part_files
        on
            recorded_lines.file = part_files.file
            and recorded_lines.size_bytes = part_files.size_bytes
)

select
    run,
    regexp_replace(file, '\.parquet$', '') as chunk,
    make_timestamp("start") at time zone 'UTC' as chunk_from,
    make_timestamp("end") at time zone 'UTC' as chunk_until,
    file,
    "rows",
    bars,
    bars_in_flight,
    lone_events,
    coalesce(recorded_parts.size_bytes, 0) as size_bytes,
    predicted_rows,
    predicted_peak_bytes,
    peak_rss_bytes,
    floor_rss_bytes,
    spill_bytes,
    seconds,
    bars / seconds as rows_per_second,
    attempts,
    steps,
    time as finished_at
from recorded_chunks
left join recorded_parts using ("start", "end")
where recorded_chunks.file is null or recorded_parts.size_bytes is not null
order by chunk_from;
