-- Purpose:    the labels and weights of one mode in numbers
-- Grain:      one row
-- In:         `weights`
-- Out:        bars, the bars of each label (label_1, label_0, label_minus_1, label_null), nulls (bars without a label
--             or a weight), bad_labels (none of these),
--             bad_weights (not above 0, or not finite), and of the good weights: mean, deviation (of the
--             population), lowest, percentiles 5, 25, 50, 75 and 95, and highest
--
-- A percentile is the smallest weight that at least so many of the bars do not exceed.
with
judged_weights as (
    select
        *,
        weight > 0 and isfinite(weight) as is_good
    from weights
),

ranked_weights as (
    select
        weight,
        sum(bars) as bars,
        sum(sum(bars)) over (order by weight) as bars_up_to_here,
        sum(sum(bars)) over () as all_bars
    from judged_weights
    where is_good
    group by weight
),

distribution as (
    select
        sum(bars * weight::double) / sum(bars) as mean,
        min(weight) as lowest,
        {%- for percent in (5, 25, 50, 75, 95) %}
        min(weight) filter (where 100 * bars_up_to_here >= {{ percent }} * all_bars) as p{{ percent }},
        {%- endfor %}
        max(weight) as highest
    from ranked_weights
),

deviations as (
    select sqrt(sum(bars * pow(weight::double - distribution.mean, 2)) / sum(bars)) as deviation
    from ranked_weights
    cross join distribution
),

counts as (
    select
        coalesce(sum(bars), 0) as bars,
        coalesce(sum(bars) filter (where label = 1), 0) as label_1,
        coalesce(sum(bars) filter (where label = 0), 0) as label_0,
        coalesce(sum(bars) filter (where label = -1), 0) as label_minus_1,
        coalesce(sum(bars) filter (where label is null), 0) as label_null,
        coalesce(sum(bars) filter (where label is null or weight is null), 0) as nulls,
        coalesce(sum(bars) filter (where label not in (-1, 0, 1)), 0) as bad_labels,
        coalesce(sum(bars) filter (where not is_good), 0) as bad_weights
    from judged_weights
)

select
    counts.*,
    distribution.mean,
    deviations.deviation,
    distribution.* exclude (mean)
from counts
cross join distribution
cross join deviations
