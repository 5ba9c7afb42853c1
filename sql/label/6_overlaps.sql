-- Purpose:    what a trade is worth beside those that it overlaps with: its average uniqueness, and what it moved
-- Grain:      one row per bar with a trade in some mode
-- In:         `outcomes`, `bars`, `series`
-- Out:        temp table `worths`; for mode N `uniqueness_N` and `attribution_N`, in ticks, null without a span
--
-- The span of a trade holds the bars from its entry bar to the one that decided, or the last of its path. A bar that
-- lies in so many spans gives each of them a share, 2^40 divided by their number and rounded down. All sums are of
-- whole numbers, and those over a span are the difference of two that run over the bars: where they begin does not
-- matter. (Lopez de Prado, Advances in Financial Machine Learning, 4.2 and 4.10, with price differences.)
create or replace temp table worths as
with
paths as (
    select
        series,
        bar,
        unnest(range(1, {{ trades.modes | length + 1 }})) as mode,
        unnest([
            {%- for mode in trades.modes %}
            path_{{ mode.number }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as path
    from outcomes
),

ends as (
    select
        series,
        bar + path as bar
        {%- for mode in trades.modes %},
        count_if(mode = {{ mode.number }}) as ends_{{ mode.number }}
        {%- endfor %}
    from paths
    where path > 0
    group by series, bar + path
),

bars_with_their_ends as (
    select
        bars.series,
        bars.bar,
        bars.close,
        bars.entry
        {%- for mode in trades.modes %},
        coalesce(outcomes.path_{{ mode.number }}, 0) as path_{{ mode.number }},
        coalesce(ends.ends_{{ mode.number }}, 0) as ends_{{ mode.number }}
        {%- endfor %}
    from bars
    left join outcomes using (series, bar)
    left join ends using (series, bar)
),

steps as (
    select
        *,
        close - lag(close) over in_order as change
        {%- for mode in trades.modes %},
        coalesce((lag(path_{{ mode.number }}) over in_order > 0)::bigint, 0)
        - coalesce(lag(ends_{{ mode.number }}) over in_order, 0) as step_{{ mode.number }}
        {%- endfor %}
    from bars_with_their_ends
    window in_order as (partition by series order by bar)
),

concurrent_spans as (
    select
        *
        {%- for mode in trades.modes %},
        sum(step_{{ mode.number }}) over up_to_here as spans_{{ mode.number }}
        {%- endfor %}
    from steps
    window up_to_here as (partition by series order by bar rows unbounded preceding)
),

shares as (
    select
        *
        {%- for mode in trades.modes %},
        case
            when spans_{{ mode.number }} > 0 then (1099511627776 // spans_{{ mode.number }})::bigint
            else 0
        end as share_{{ mode.number }}
        {%- endfor %}
    from concurrent_spans
),

sums as (
    select
        *
        {%- for mode in trades.modes %},
        sum(share_{{ mode.number }}) over up_to_here as shares_{{ mode.number }},
        sum(share_{{ mode.number }}::hugeint * coalesce(change, 0)) over up_to_here as moves_{{ mode.number }}
        {%- endfor %}
    from shares
    window up_to_here as (partition by series order by bar rows unbounded preceding)
),

spans as (
    select
        series,
        bar
        {%- for mode in trades.modes %}
        {%- set number = mode.number %},
        path_{{ number }},
        lead(shares_{{ number }}, path_{{ number }}) over in_order - shares_{{ number }} as shares_{{ number }},
        lead(moves_{{ number }}, path_{{ number }}) over in_order
        - lead(moves_{{ number }}) over in_order
        + (lead(share_{{ number }}) over in_order)::hugeint * (lead(close) over in_order - entry) as moves_{{ number }}
        {%- endfor %}
    from sums
    window in_order as (partition by series order by bar)
)

select
    spans.series,
    spans.bar
    {%- for mode in trades.modes %}
    {%- set number = mode.number %},
    case
        when spans.path_{{ number }} > 0
            then spans.shares_{{ number }}::double / spans.path_{{ number }} / 1099511627776
    end as uniqueness_{{ number }},
    case
        when spans.path_{{ number }} > 0
            then abs(spans.moves_{{ number }})::double / 1099511627776 / series.increments_per_tick
    end as attribution_{{ number }}
    {%- endfor %}
from spans
inner join series using (series)
inner join bars using (series, bar)
where bars.is_wanted;
