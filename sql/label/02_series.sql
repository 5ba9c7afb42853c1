-- Purpose:    the series (symbols) of one chunk, their price grids, and how far beyond the chunk each must be read
-- Grain:      one row per symbol that has a bar in the chunk
-- In:         the input files; `symbols`; `grids` and `spans`: the price grid, the first and the last bar of each
-- Out:        temp table `series`; where there is one symbol, its only row as `the_series()`
-- Parameters: $files; $chunk_from, $chunk_until (the chunk, half open); $search_from, $search_until (where its
--             margins are looked for, half open); $bars_before; $timeout_N in clock units or $timeout_bars_N, the
--             horizons; $distance_N_numerator and $distance_N_denominator, of the entry, for a barrier in percent
--
-- A margin is complete when it holds every bar that a label of the chunk can depend on. Before the chunk: the bars
-- that roll detection and volatilities look back on. After it: the entry bar, the longest horizon that opens there,
-- and one bar more, because a jump affects the bar before it. Bars may lie any time apart, so a margin is searched
-- for: while a symbol is not `is_complete`, this step is run again with a wider search. Where the symbol's data
-- begins or ends before its margin is full, the margin stays open: bars that join the input there would change labels.
create or replace temp table series as
with
bars_before as (
    select
        symbols.symbol,
        {{ time("source") }} as bar_time,
        row_number() over (
            partition by symbols.symbol
            order by {{ time("source") }} desc
        ) as distance
    from {{ source }} as source
    inner join symbols on {{ symbol_of("source") }} = symbols.symbol
    where
        {{ time("source") }} >= {{ moment("search_from") }}
        and {{ time("source") }} < {{ moment("chunk_from") }}{{- within("source", "search_from", "chunk_from") }}
),

{%- if weighs_overlap %}

-- The bars whose paths may reach the first path of the chunk.
margins_that_overlap as (
    select
        symbol,
        greatest(
            count_if({{ clock("bar_time") }} >= {{ clock(moment("chunk_from")) }} - $longest_timeout), $longest_timeout_bars
        ) + 1 as bars
    from bars_before
    group by symbol
),

margins_before as (
    select
        bars_before.symbol,
        min(bars_before.bar_time) as read_from,
        min(bars_before.bar_time) filter (where bars_before.distance <= margins_that_overlap.bars) as ask_from,
        count(*) = any_value(margins_that_overlap.bars) + $bars_before
        and {{ clock(moment("search_from")) }} <= {{ clock(moment("chunk_from")) }} - $longest_timeout as is_complete
    from bars_before
    inner join margins_that_overlap using (symbol)
    where bars_before.distance <= margins_that_overlap.bars + $bars_before
    group by bars_before.symbol
),
{%- else %}

margins_before as (
    select
        symbol,
        min(bar_time) as read_from,
        count(*) = $bars_before as is_complete
    from bars_before
    where distance <= $bars_before
    group by symbol
),
{%- endif %}

bars_after as (
    select
        symbols.symbol,
        {{ time("source") }} as bar_time,
        row_number() over following as distance,
        first_value({{ clock(time("source")) }}) over following as entry_clock
    from {{ source }} as source
    inner join symbols on {{ symbol_of("source") }} = symbols.symbol
    where
        {{ time("source") }} >= {{ moment("chunk_until") }}
        and {{ time("source") }} < {{ moment("search_until") }}{{- within("source", "chunk_until", "search_until") }}
    window following as (partition by symbols.symbol order by {{ time("source") }})
),

{#- Of the first bar that lies past each horizon, the last; null where one of them is not seen. -#}
{%- macro past_all_horizons(value, entry_clock, entry_distance) -%}
list_reverse_sort([
            {%- for horizon in trades.horizons %}
            {%- if horizon.in_bars %}
            min({{ value }}) filter (where distance > {{ entry_distance }} + ${{ horizon.parameter }})
            {%- else %}
            min({{ value }}) filter (where {{ clock("bar_time") }} >= {{ entry_clock }} + ${{ horizon.parameter }})
            {%- endif %}
            {{- "," if not loop.last }}
            {%- endfor %}
        ], 'nulls first')[1]
{%- endmacro %}


{{ "margins_of_the_paths" if weighs_overlap else "margins_after" }} as (
    select
        symbol,
        max(bar_time) as last_seen,
        {%- if weighs_overlap %}
        {{ past_all_horizons("distance", "entry_clock", 0) }} as distance_past_paths,
        {%- endif %}
        {{ past_all_horizons("bar_time", "entry_clock", 0) }} as last_needed
    from bars_after
    group by symbol
)
{{- "," if weighs_overlap }}
{%- if weighs_overlap %}

-- The paths of the chunk lie before `ask_until`; those of the bars up to there need as much again.
bars_after_the_paths as (
    select
        bars_after.*,
        margins.last_seen,
        margins.last_needed as ask_until,
        {{ clock("margins.last_needed") }} as ask_until_clock,
        margins.distance_past_paths
    from bars_after
    inner join margins_of_the_paths as margins using (symbol)
),

margins_after as (
    select
        symbol,
        any_value(last_seen) as last_seen,
        any_value(ask_until) as ask_until,
        {{ past_all_horizons("bar_time", "ask_until_clock", "distance_past_paths") }} as last_needed
    from bars_after_the_paths
    group by symbol
)
{%- endif %}

select
    spans.symbol,
    row_number() over (order by spans.symbol)::integer as series,
    {{ clock("spans.last_time") }} as last_clock,
    grids.* exclude (symbol, pattern),
    {%- for distance in trades.percentages %}
    $distance_{{ distance.number }}_numerator::hugeint as numerator_{{ distance.number }},
    $distance_{{ distance.number }}_denominator::hugeint as denominator_{{ distance.number }},
    {%- endfor %}
    coalesce(margins_before.read_from, {{ moment("chunk_from") }}) as read_from,
    coalesce(margins_after.last_needed, margins_after.last_seen, {{ moment("chunk_until") }}) as read_to,
    {%- if weighs_overlap %}
    coalesce(margins_before.ask_from, {{ moment("chunk_from") }}) as ask_from,
    margins_after.ask_until,
    {%- endif %}
    not coalesce(margins_before.is_complete, false) as is_open_before,
    margins_after.last_needed is null as is_open_after,
    (
        coalesce(margins_before.is_complete, false) or spans.first_time >= {{ moment("search_from") }}
    ) and (
        margins_after.last_needed is not null or spans.last_time < {{ moment("search_until") }}
    ) as is_complete
from symbols
inner join spans using (symbol)
inner join grids using (symbol)
left join margins_before using (symbol)
left join margins_after using (symbol);
{%- if has_one_symbol %}

set variable the_series = (
    with the_series as (
        select * from series
    )

    select the_series from the_series
);

create or replace temp macro the_series() as (getvariable('the_series'));
{%- endif %}
