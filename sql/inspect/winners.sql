-- Purpose:    how far winners went against the trade before they won, and how fast they won
-- Grain:      one row per mode
-- In:         `labels_long`
-- Out:        mode, stop_ticks, winners, mean and percentiles of MAE (ticks) and of seconds to the target
-- Needs:      details
select
    mode,
    stop_ticks,
    count(*) as winners,
    round(avg(mae_ticks), 2) as mean_mae_ticks,
    median(mae_ticks) as median_mae_ticks,
    quantile_disc(mae_ticks, 0.95) as p95_mae_ticks,
    round(avg(seconds), 1) as mean_seconds,
    median(seconds) as median_seconds,
    quantile_disc(seconds, 0.95) as p95_seconds
from labels_long
where outcome = 'target'
group by mode, stop_ticks
order by stop_ticks, mode;
