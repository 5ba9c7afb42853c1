-- Purpose:    the chunks that lay longest on disk because memory was short
-- Grain:      one row per run and chunk that spilled, the longest twenty
-- In:         `snapshots`
-- Out:        run, chunk, seconds (with spilled data, between samples), spill_mb (its peak), step (of the peak)
with
samples as (
    select
        *,
        lead(time) over (partition by run order by time) as next_time
    from snapshots
)

select
    run,
    chunk,
    round(sum(epoch(next_time - time)), 1) as seconds,
    round(max(spill_bytes) / 1e6) as spill_mb,
    arg_max(step, spill_bytes) as step
from samples
where spill_bytes > 0
group by run, chunk
order by seconds desc
limit 20;
