-- Purpose:    how often each mode wins, month by month (UTC)
-- Grain:      one row per month and mode
-- In:         `labels_long`
-- Out:        month, mode, bars, winners, win_rate
select
    -- Of times in nanoseconds DuckDB rounds days up, and with a zone it has no epoch_us: epoch_ns helps with both.
    strftime(make_timestamp(epoch_us(make_timestamp_ns(epoch_ns(timestamp)))), '%Y-%m') as month,
    mode,
    count(label) as bars,
    sum(label)::bigint as winners,
    round(avg(label), 4) as win_rate
from labels_long
group by month, mode
order by month, mode;
