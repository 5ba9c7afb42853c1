-- Purpose:    how often each mode wins, by hour of the day (UTC)
-- Grain:      one row per hour and mode
-- In:         `labels_long`
-- Out:        hour, mode, bars, winners, win_rate
select
    hour(utc) as hour,
    mode,
    count(label) as bars,
    count_if(label = 1) as winners,
    round(count_if(label = 1) / count(label), 4) as win_rate
from labels_long
group by hour, mode
order by hour, mode;
