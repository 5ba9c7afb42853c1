-- Purpose:    what a trade is worth beside those that it overlaps with: its average uniqueness, and what it moved
-- Grain:      one row per bar of the chunk
-- In:         `outcomes`, `series`; `bars`, where only some are asked
-- Out:        temp table `worths`: series, bar, clock, and the output columns `uniqueness` and `attribution` (in ticks)
--             of every mode; null without a span
--
-- The span of a trade holds the bars from its entry bar to the one that decided, or the last of its path. A bar that
-- lies in so many spans gives each of them a share, 2^40 divided by their number and rounded down. All sums are of
-- whole numbers, and those over a span are the difference of two that run over the bars: where they begin does not
-- matter. (Lopez de Prado, Advances in Financial Machine Learning, 4.2 and 4.10, with price differences.)
--
-- Rows that do not lie in order are sorted once; what follows reads them as they pass by, in their order and on one
-- thread (see `03_bars`), so that sums run on from one series to the next. No span does.
{%- set series = the_series if by_place else "series" %}
create or replace temp table worths as
with
spans as (
    select
        bar,
        unnest(range(1, {{ trades.modes | length + 1 }})) as mode,
        unnest([
            {%- for mode in trades.modes %}
            span_{{ mode.number }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as span
    from outcomes
),

ends as (
    select
        bar + span as bar
        {%- for mode in trades.modes %},
        count_if(mode = {{ mode.number }})::integer as ends_{{ mode.number }}
        {%- endfor %}
    from spans
    where span > 0
    group by bar + span
),

bars_in_order as (
    select
        bars.series,
        bars.bar,
        bars.clock,
        bars.is_wanted,
        bars.close,
        bars.entry
        {%- for mode in trades.modes %},
        {{ "coalesce(outcomes.span_%d, 0)" % mode.number if asks_some else "bars.span_%d" % mode.number }} as span_{{ mode.number }},
        coalesce(ends.ends_{{ mode.number }}, 0) as ends_{{ mode.number }}
        {%- endfor %}
    {%- if asks_some %}
    from bars
    left join outcomes on bars.bar = outcomes.bar
    {%- else %}
    from outcomes as bars
    {%- endif %}
    left join ends on bars.bar = ends.bar
    {%- if not by_place %}
    order by bars.bar
    {%- endif %}
),

steps as (
    select
        *,
        close - lag(close) over () as change
        {%- for mode in trades.modes %},
        (span_{{ mode.number }} > 0)::integer - ends_{{ mode.number }} as step_{{ mode.number }}
        {%- endfor %}
    from bars_in_order
),

-- A span begins behind its bar and holds the one that it ends at: the steps so far tell how many hold the next bar.
spans_of_the_next_bars as (
    select
        *
        {%- for mode in trades.modes %},
        (sum(step_{{ mode.number }}) over so_far)::bigint as next_{{ mode.number }}
        {%- endfor %}
    from steps
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
),

shares as (
    select
        *
        {%- for mode in trades.modes %}
        {%- set spans, next_spans = "(next_%d - step_%d)" % (mode.number, mode.number), "next_%d" % mode.number %},
        case when {{ spans }} > 0 then 1099511627776 // {{ spans }} else 0 end as share_{{ mode.number }},
        case when {{ next_spans }} > 0 then 1099511627776 // {{ next_spans }} end as entry_share_{{ mode.number }}
        {%- endfor %}
    from spans_of_the_next_bars
),

sums as (
    select
        *
        {%- for mode in trades.modes %},
        sum(share_{{ mode.number }}) over so_far as shares_{{ mode.number }},
        sum(share_{{ mode.number }}::hugeint * coalesce(change, 0)) over so_far as moves_{{ mode.number }}
        {%- endfor %}
    from shares
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
),

sums_at_the_end as (
    select
        *
        {%- for mode in trades.modes %},
        lead(shares_{{ mode.number }}, span_{{ mode.number }}) over () as last_shares_{{ mode.number }},
        lead(moves_{{ mode.number }}, span_{{ mode.number }}) over () as last_moves_{{ mode.number }}
        {%- endfor %}
    from sums
)

-- Of the first bar of a span counts the move from the entry, not from the close before.
select
    sums.series,
    sums.bar,
    sums.clock
    {%- for mode in trades.modes %}
    {%- set number = mode.number %},
    case
        when sums.span_{{ number }} > 0
            then
                (sums.last_shares_{{ number }} - sums.shares_{{ number }})::double
                / sums.span_{{ number }} / 1099511627776
    end as {{ ("uniqueness_" ~ mode.name) | identifier }},
    case
        when sums.span_{{ number }} > 0
            then abs(
                sums.last_moves_{{ number }} - sums.moves_{{ number }}
                + sums.entry_share_{{ number }}::hugeint * (sums.close - sums.entry)
            )::double / 1099511627776 / {{ series }}.increments_per_tick
    end as {{ ("attribution_" ~ mode.name) | identifier }}
    {%- endfor %}
from sums_at_the_end as sums
{%- if not by_place %}
inner join series on sums.series = series.series
{%- endif %}
where sums.is_wanted;
