-- Purpose:    the chunks that took longest, and where in them the time went
-- Grain:      one row per chunk, the slowest twenty
-- In:         `chunks`
-- Out:        chunk, rows, seconds, rows_per_second, slowest_step and its seconds, peak_rss_mb, spill_mb, attempts
with
timed_chunks as (
    select
        *,
        list_max(map_values(steps)) as step_seconds
    from chunks
)

select
    chunk,
    "rows",
    seconds,
    round(rows_per_second) as rows_per_second,
    map_keys(steps)[list_position(map_values(steps), step_seconds)] as slowest_step,
    step_seconds,
    round(peak_rss_bytes / 1e6) as peak_rss_mb,
    round(spill_bytes / 1e6) as spill_mb,
    attempts
from timed_chunks
order by seconds desc
limit 20;
