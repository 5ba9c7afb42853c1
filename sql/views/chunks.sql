-- Purpose:    the finished chunks: what each holds and what it took
-- Grain:      one row per finished chunk whose part file is there
-- In:         chunks.jsonl; the names and sizes of the part files
-- Out:        view `chunks`; from `chunk_from` until before `chunk_until`. A chunk without a file held no bar.
{%- from "views/records.sql" import records with context %}
create or replace view chunks as
with
recorded_chunks as (
    select *
    {{ records([
        ("run", "bigint"), ("start", "bigint"), ("end", "bigint"), ("file", "varchar"), ("rows", "bigint"),
        ("bars", "bigint"), ("lone_events", "bigint"),
        ("size_bytes", "bigint"), ("predicted_rows", "bigint"), ("predicted_peak_bytes", "bigint"),
        ("peak_rss_bytes", "bigint"), ("floor_rss_bytes", "bigint"), ("spill_bytes", "bigint"),
        ("seconds", "double"), ("attempts", "bigint"), ("steps", "map(varchar, double)"),
    ]) }}
    where parse_filename(filename) = 'chunks.jsonl' and time is not null
    qualify row_number() over (partition by "start", "end" order by time desc) = 1
),

part_files as (
    select
        parse_filename(filename) as file,
        size as size_bytes
    from read_blob({{ folder }} || '/*.parquet')
)

select
    run,
    regexp_replace(file, '\.parquet$', '') as chunk,
    make_timestamp("start") at time zone 'UTC' as chunk_from,
    make_timestamp("end") at time zone 'UTC' as chunk_until,
    file,
    "rows",
    bars,
    lone_events,
    size_bytes,
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
left join part_files using (file, size_bytes)
where recorded_chunks.file is null or part_files.file is not null
order by chunk_from;
