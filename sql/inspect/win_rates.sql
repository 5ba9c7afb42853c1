-- Purpose:    how often each mode wins, and what its examples weigh
-- Grain:      one row per mode
-- In:         `labels_long`
-- Out:        mode, direction, stop_ticks, target_ticks, bars, winners, win_rate, mean_weight
select
    mode,
    direction,
    round(avg(stop_ticks), 2) as stop_ticks,
    round(avg(target_ticks), 2) as target_ticks,
    count(label) as bars,
    count_if(label = 1) as winners,
    round(count_if(label = 1) / count(label), 4) as win_rate,
    round(avg(weight), 4) as mean_weight
from labels_long
group by mode, direction
order by stop_ticks, mode;
