-- Purpose:    what a trade is worth beside those that it overlaps with: its average uniqueness, and what it moved
-- Grain:      one row per bar of the chunk
-- In:         `moves`, with those of the margins; `series`; `bars`, where only some are asked
-- Out:        temp table `worths`: series, bar, clock, and the output columns `uniqueness` and `attribution` (in ticks)
--             of every mode; null without a span; `moves` keeps the bars of the chunk alone
--
-- The span of a trade holds the bars from its entry bar to the one that decided, or the last of its path. A bar that
-- lies in so many spans gives each of them a share, 2^40 divided by their number and rounded down. All sums are of
-- whole numbers, and those over a span are the difference of two that run over the bars: where they begin does not
-- matter. (Lopez de Prado, Advances in Financial Machine Learning, 4.2 and 4.10, with price differences.)
--
-- Rows that do not lie in order are sorted once; what follows reads them as they pass by, in their order and on one
-- thread (see `03_bars`), so that sums run on from one series to the next. No span does. Sums at the end of a span
-- are looked up in lists of them all, at the number of its bar, in a third of the time of a window or a join.
--
-- A running sum costs the same whatever it sums: the spans of two modes are counted in the halves of one number. Bars
-- are numbered by an INTEGER, so that neither half runs over. Sums of shares and of changes are BIGINTs where they fit;
-- where they do not, that is an error, upon which they are HUGEINTs.
{%- set pairs = trades.modes | batch(2) | list %}
{%- set series = the_series if has_one_symbol else "series" %}
{%- set whole = "bigint" if sums_are_narrow else "hugeint" %}

{#- One in the half of a mode. -#}
{%- macro one(mode) -%}
{{ "1" if mode.number % 2 else "2147483648" }}
{%- endmacro %}

{#- The spans that hold a bar. -#}
{%- macro spans(mode) -%}
{%- set both = "spans_%d" % ((mode.number + 1) // 2) -%}
{{ "%s & 2147483647" % both if mode.number % 2 else "%s >> 31" % both }}
{%- endmacro %}
create or replace temp table worths as
with
spans as (
    select
        bar,
        unnest([
            {%- for mode in trades.modes %}
            span_{{ mode.number }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as span
        {%- for pair in pairs %},
        unnest([
            {%- for mode in trades.modes %}
            {{ one(mode) if mode in pair else "0" }}::bigint{{ "," if not loop.last }}
            {%- endfor %}
        ]) as ends_{{ loop.index }}
        {%- endfor %}
    from moves
),

ends as (
    select
        bar + span as bar
        {%- for _ in pairs %},
        sum(ends_{{ loop.index }})::bigint as ends_{{ loop.index }}
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
        {{ "coalesce(moves.span_%d, 0)" % mode.number if asks_some else "bars.span_%d" % mode.number }} as span_{{ mode.number }}
        {%- endfor %}
        {%- for _ in pairs %},
        coalesce(ends.ends_{{ loop.index }}, 0) as ends_{{ loop.index }}
        {%- endfor %}
    {%- if asks_some %}
    from bars
    left join moves on bars.bar = moves.bar
    {%- else %}
    from moves as bars
    {%- endif %}
    left join ends on bars.bar = ends.bar
    {%- if not by_place %}
    order by bars.bar
    {%- endif %}
),

steps as (
    select
        *,
        coalesce(close - lag(close) over (), 0) as change
        {%- for pair in pairs %},
        {%- for mode in pair %}
        {{ "+ " if not loop.first }}(span_{{ mode.number }} > 0)::bigint * {{ one(mode) }}
        {%- endfor %}
        - ends_{{ loop.index }} as step_{{ loop.index }}
        {%- endfor %}
    from bars_in_order
),

-- A span begins behind its bar and holds the one that it ends at: the steps before a bar tell how many hold it.
spans_of_the_bars as (
    select
        *
        {%- for _ in pairs %},
        (sum(step_{{ loop.index }}) over so_far)::bigint - step_{{ loop.index }} as spans_{{ loop.index }}
        {%- endfor %}
    from steps
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
),

-- Of a bar that no span holds nobody asks.
shares as (
    select
        *
        {%- for mode in trades.modes %},
        1099511627776 // greatest({{ spans(mode) }}, 1) as share_{{ mode.number }}
        {%- endfor %}
    from spans_of_the_bars
),

sums as (
    select
        *
        {%- for mode in trades.modes %},
        (sum(share_{{ mode.number }}) over so_far)::{{ whole }} as shares_{{ mode.number }},
        (sum(share_{{ mode.number }}::{{ whole }} * change) over so_far)::{{ whole }} as changes_{{ mode.number }},
        case when span_{{ mode.number }} > 0 then bar + span_{{ mode.number }} else 0 end::bigint as end_{{ mode.number }}
        {%- endfor %}
    from shares
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
),

lists as (
    select
        list(series) as series,
        list(bar) as bars,
        list(clock) as clocks,
        list(is_wanted) as are_wanted,
        list(close - entry) as changes_from_entry
        {%- for mode in trades.modes %}
        {%- set number = mode.number %},
        list(shares_{{ number }}) as shares_{{ number }},
        list(changes_{{ number }}) as changes_{{ number }},
        list(end_{{ number }}) as ends_{{ number }}
        {%- endfor %}
    from sums
),

-- Without a span the end is 0, at which a list has nothing.
sums_of_the_spans as (
    select
        unnest(series) as series,
        unnest(bars) as bar,
        unnest(clocks) as clock,
        unnest(are_wanted) as is_wanted,
        unnest(changes_from_entry) as change_from_entry
        {%- for mode in trades.modes %}
        {%- set number = mode.number %},
        unnest(ends_{{ number }}) as end_{{ number }},
        unnest(shares_{{ number }}) as shares_{{ number }},
        unnest(shares_{{ number }}[2:]) as next_shares_{{ number }},
        unnest(list_select(shares_{{ number }}, ends_{{ number }})) as last_shares_{{ number }},
        unnest(changes_{{ number }}) as changes_{{ number }},
        unnest(list_select(changes_{{ number }}, ends_{{ number }})) as last_changes_{{ number }}
        {%- endfor %}
    from lists
)

-- Of the first bar of a span counts the change from the entry, not from the close before.
select
    sums.series,
    sums.bar,
    sums.clock
    {%- for mode in trades.modes %}
    {%- set number = mode.number %},
    (sums.last_shares_{{ number }} - sums.shares_{{ number }})::double
    / (sums.end_{{ number }} - sums.bar) / 1099511627776
        as {{ ("uniqueness_" ~ mode.name) | identifier }},
    abs(
        sums.last_changes_{{ number }} - sums.changes_{{ number }}
        + (sums.next_shares_{{ number }} - sums.shares_{{ number }}) * sums.change_from_entry
    )::double / 1099511627776 / {{ series }}.increments_per_tick
        as {{ ("attribution_" ~ mode.name) | identifier }}
    {%- endfor %}
from sums_of_the_spans as sums
{%- if not has_one_symbol %}
inner join series on sums.series = series.series
{%- endif %}
where sums.is_wanted;

delete from moves
where not is_wanted;
