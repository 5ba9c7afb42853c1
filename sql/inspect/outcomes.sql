-- Purpose:    how the trades of each mode end
-- Grain:      one row per mode and outcome
-- In:         `labels_long`
-- Out:        mode, outcome, bars, share (of the mode's bars), mean_seconds
-- Needs:      details
select
    mode,
    outcome,
    count(*) as bars,
    round(count(*) / sum(count(*)) over (partition by mode), 4) as share,
    round(avg(seconds), 1) as mean_seconds
from labels_long
group by mode, outcome
order by mode asc, bars desc;
