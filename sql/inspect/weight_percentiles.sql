-- Purpose:    how the weights of winners and of all other bars are spread
-- Grain:      one row per mode and label
-- In:         `labels_long`
-- Out:        mode, label, bars, mean, lowest, p05, p25, p50, p75, p95, highest
with
weights as (
    select
        mode,
        label,
        count(*) as bars,
        avg(weight) as mean,
        quantile_disc(weight, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]) as steps
    from labels_long
    where label is not null
    group by mode, label
)

select
    mode,
    label,
    bars,
    round(mean, 4) as mean,
    steps[1] as lowest,
    steps[2] as p05,
    steps[3] as p25,
    steps[4] as p50,
    steps[5] as p75,
    steps[6] as p95,
    steps[7] as highest
from weights
order by mode, label;
