-- Purpose:    how often each mode wins, month by month (UTC)
-- Grain:      one row per month and mode
-- In:         `labels_long`
-- Out:        month, mode, bars, winners, win_rate
select
    strftime(utc, '%Y-%m') as month,
    mode,
    count(label) as bars,
    count_if(label = 1) as winners,
    round(count_if(label = 1) / count(label), 4) as win_rate
from labels_long
group by month, mode
order by month, mode;
