-- Purpose:    how often each mode wins, and what its examples weigh
-- Grain:      one row per mode
-- In:         `labels_long`
-- Out:        mode, direction, stop_ticks, target_ticks, bars, winners, win_rate, mean_weight
select
    mode,
    direction,
    stop_ticks,
    target_ticks,
    count(label) as bars,
    sum(label)::bigint as winners,
    round(avg(label), 4) as win_rate,
    round(avg(weight), 4) as mean_weight
from labels_long
group by mode, direction, stop_ticks, target_ticks
order by stop_ticks, mode;
