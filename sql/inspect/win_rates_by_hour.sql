-- Purpose:    how often each mode wins, by hour of the day (UTC)
-- Grain:      one row per hour and mode
-- In:         `labels_long`
-- Out:        hour, mode, bars, winners, win_rate
select
    -- Of times in nanoseconds DuckDB rounds days up, and with a zone it has no epoch_us: epoch_ns helps with both.
    hour(make_timestamp(epoch_us(make_timestamp_ns(epoch_ns(timestamp))))) as hour,
    mode,
    count(label) as bars,
    sum(label)::bigint as winners,
    round(avg(label), 4) as win_rate
from labels_long
group by hour, mode
order by hour, mode;
