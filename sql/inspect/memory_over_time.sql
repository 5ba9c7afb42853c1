-- Purpose:    what the process held, minute by minute, beside its budget
-- Grain:      one row per run and minute
-- In:         `snapshots`, `runs`
-- Out:        run, minute, peaks in MB: rss_mb, duckdb_mb, spill_mb; limit_mb; percent_used (of the machine, at most)
select
    snapshots.run,
    date_trunc('minute', snapshots.time) as minute,
    round(max(snapshots.rss_bytes) / 1e6) as rss_mb,
    round(max(snapshots.duckdb_bytes) / 1e6) as duckdb_mb,
    round(max(snapshots.spill_bytes) / 1e6) as spill_mb,
    round(any_value(runs.memory_limit_bytes) / 1e6) as limit_mb,
    max(snapshots.percent_used) as percent_used
from snapshots
left join runs using (run)
group by snapshots.run, minute
order by snapshots.run, minute;
