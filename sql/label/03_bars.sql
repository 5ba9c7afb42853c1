-- Purpose:    the bars of one chunk and its margins, numbered, on the price grid, each with its entry and horizons
-- Grain:      one row per bar; bars are numbered through, symbol after symbol
-- In:         the input files; the file of events, `session_times`, where these say which bars are asked; `series`
-- Out:        temp table `bars`
-- Parameters: $files; $events; $chunk_from, $chunk_until (the bars to label); $read_from, $read_to (they and all
--             margins, both included); $timeout_N, $stretch and $entry_gap in clock units; $timeout_bars_N;
--             $distance_N_factor, $distance_N_numerator and $distance_N_denominator, of volatilities and columns
--
-- Prices are whole numbers of price increments, times are whole clock units (micro- or nanoseconds since 1970),
-- so that every comparison from here on is exact. `horizon_N` is the first clock that is no longer on the path.
-- `is_wanted` is a bar of the chunk, `is_event` one at which an event of a file stands, inside of a session or not,
-- `is_asked` one of those that a trade is asked for, and `is_late` one whose entry bar stands too late, in another
-- session or in none. Sessions never overlap: one is known by when it closes.
{%- from "label/asked.sql" import events_of_the_chunk, sessions_of_the_series %}
{%- from "label/volatility.sql" import totals_and_volatility %}
{%- set volatilities = trades.volatilities %}
{%- set horizons_in_bars = trades.horizons | selectattr("in_bars") | list %}
{%- set is_told = asking is not none and asking.every_seconds is none %}
{%- set has_own_side = trades.has_sides and side is not none %}
{%- set side_of_the_event = trades.has_sides and not has_own_side and events %}
{#- Whether bars come in order is seen only afterwards, by who had them numbered as they come. -#}
{%- set sorts = has_session or not as_they_come %}
{#- Rows that come in order must not be joined, with one row neither: a join may hold a few of them back. -#}
{%- set series = "series" if sorts else the_series %}
create or replace temp table bars as
with
bars_on_the_grid as (
    select
        {{ series }}.series{{ " as series" if not sorts }},
        {{ clock(time("source")) }} as clock,
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }} as is_wanted,
        {%- if weighs_overlap %}
        {{ time("source") }} >= {{ series }}.ask_from
        and ({{ time("source") }} < {{ series }}.ask_until or {{ series }}.ask_until is null) as is_counted,
        {%- endif %}
        {%- if has_own_side %}
        {{ sign_of("source." ~ side) }} as side,
        {%- endif %}
        {%- if is_told and not events %}
        {{ sign_of("source." ~ asking.column | identifier) }} <> 0 as is_event,
        {%- endif %}
        {%- for column in trades.columns %}
        source.{{ column | identifier }}::double as column_{{ loop.index }},
        {%- endfor %}
        {%- for price in ("open", "high", "low", "close") %}
        round({{ level_of(price, "source", series) }})::bigint as {{ price }},
        {%- endfor %}
        {{ series }}.roll_gap{{ " as roll_gap" if not sorts }}
    from {{ source }} as source
    {%- if sorts %}
    inner join series on {{ symbol_of("source") }} = series.symbol
    {%- endif %}
    where
        {{ time("source") }} >= {{ moment("read_from") }}
        and {{ time("source") }} <= {{ moment("read_to") }}{{- within("source", "read_from", "read_to") }}
        {%- if sorts %}
        and {{ time("source") }} >= series.read_from
        and {{ time("source") }} <= series.read_to
        {%- endif %}
),
{%- if has_session %}

{{ sessions_of_the_series(clock, moment) }},

bars_with_their_session as (
    select
        bars.*,
        case when bars.clock < sessions.closes then sessions.closes end as session_closes
    from bars_on_the_grid as bars
    asof left join sessions_of_the_series as sessions
        on bars.series = sessions.series and bars.clock >= sessions.opens
),
{%- endif %}

-- The bars are sorted once at most. From here on the neighbours of a bar are the rows before and after it: DuckDB runs
-- windows without a partition and an order as rows pass by, in their order and on one thread, and it does so for what
-- is read from files or from a sort. (After a join it would not: it takes a join for what may change the order.)
bars_in_order as (
    select *
    from {{ "bars_with_their_session" if has_session else "bars_on_the_grid" }}
    {%- if sorts %}
    order by series, clock
    {%- endif %}
),

numbered_bars as (
    select
        *,
        (row_number() over ())::integer as bar,
        coalesce(lag(series) over () = series, false) as has_previous,
        coalesce(lead(series) over () = series, false) as has_next,
        {%- if asking and not is_told %}
        lag(clock) over () as clock_before,
        {%- endif %}
        {%- if is_flat %}
        lead(session_closes) over () as closes_after,
        {%- endif %}
        lag(high) over () as high_before,
        lag(low) over () as low_before,
        lag(close) over () as close_before,
        lead(clock) over () as clock_after,
        lead(open) over () as open_after,
        lead(high) over () as high_after,
        lead(low) over () as low_after
    from bars_in_order
),

bars_with_their_neighbours as (
    select
        series,
        clock,
        is_wanted,
        {%- if weighs_overlap %}
        is_counted,
        {%- endif %}
        {%- if is_told and not events %}
        is_event,
        {%- elif asking and not is_told %}
        coalesce(
            not has_previous
            or stretch_of(clock, $stretch::bigint) > stretch_of(clock_before, $stretch::bigint),
            true
        ) as is_event,
        {%- endif %}
        {%- if asks_inside %}
        session_closes is not null as is_inside,
        {%- endif %}
        high,
        low,
        {%- if has_exits or breaks_ties_by_open or weighs_overlap %}
        open,
        close,
        {%- endif %}
        {%- if has_own_side %}
        side,
        {%- endif %}
        {%- if may_enter_late %}
        coalesce(
            {%- if has_entry_gap %}
            (has_next and clock_after - clock > $entry_gap)
            {%- endif %}
            {%- if has_entry_gap and is_flat %}
            or
            {%- endif %}
            {%- if is_flat %}
            not has_next
            or closes_after is null
            or session_closes <> closes_after
            {%- endif %},
            false
        ) as is_late,
        {%- endif %}
        {%- if is_flat %}
        case when has_next then closes_after end as entry_closes,
        {%- endif %}
        {%- if volatilities %}
        case when has_previous then close - close_before end as change,
        case
            when has_previous then greatest(high, close_before) - least(low, close_before)
            else high - low
        end as true_range,
        {%- endif %}
        {%- for _ in trades.columns %}
        column_{{ loop.index }},
        {%- endfor %}
        bar,
        case when has_previous then high_before end as previous_high,
        case when has_previous then low_before end as previous_low,
        case when has_previous then abs(close - close_before) > roll_gap end as jumps,
        case when has_next then {{ "close" if enters_at_close else "open_after" }} end as entry,
        case when has_next then clock_after end as entry_clock,
        case when has_next then high_after end as entry_high,
        case when has_next then low_after end as entry_low
    from numbered_bars
)
{%- if volatilities %},

{{ totals_and_volatility(volatilities) }}
{%- endif %}
{%- set bars_so_far = "bars_with_their_volatility" if volatilities else "bars_with_their_neighbours" %}
{%- if trades.own %},

-- The contract tells the order of the multiplications. A share of an entry that there is not is nothing unknown.
bars_with_their_factors as (
    select
        bars.*
        {%- for distance in trades.own %}
        {%- set factor = "$distance_%d_factor::double" % distance.number %}
        {%- if distance.column %}
        {%- set column = "bars.column_%d" % distance.column %},
        case
            when {{ column }} > 0 and isfinite({{ column }})
                then
                    {%- if distance.unit == "%" %}
                    abs(coalesce(bars.entry, 0)) * ({{ factor }} * {{ column }}) / 100
                    {%- elif distance.unit == "ticks" %}
                    {{ factor }} * {{ column }} * {{ series }}.increments_per_tick
                    {%- else %}
                    {{ factor }} * {{ column }}
                    / ({{ series }}.increment_numerator::double / {{ series }}.increment_denominator)
                    {%- endif %}
        end as factor_{{ distance.number }}
        {%- elif volatilities[distance.volatility - 1][1].kind == "std" %},
        case
            when bars.volatility_{{ distance.volatility }} > 0
                then {{ factor }} * bars.volatility_{{ distance.volatility }}
        end as factor_{{ distance.number }}
        {%- else %},
        case
            when bars.volatility_{{ distance.volatility }} > 0 then bars.volatility_{{ distance.volatility }}
        end as factor_{{ distance.number }}
        {%- endif %}
        {%- endfor %}
    from {{ bars_so_far }} as bars
    {%- if sorts %}
    inner join series using (series)
    {%- endif %}
)
{%- set bars_so_far = "bars_with_their_factors" %}
{%- endif %}
{%- if horizons_in_bars %},

bars_with_their_last_bars as (
    select
        *
        {%- for horizon in horizons_in_bars %},
        lead(clock, ${{ horizon.parameter }}::bigint) over in_order as last_path_clock_{{ horizon.number }}
        {%- endfor %}
    from {{ bars_so_far }}
    window in_order as (partition by series order by bar)
)
{%- endif %}
{%- if events %},

{%- set range = ("read_from", "read_to") if weighs_overlap else ("chunk_from", "chunk_until") %}

{{ events_of_the_chunk(events, event_clock, event_side, range[0], range[1]) }}
{%- endif %}

-- (The linter takes names that are left out for references.)
select
    bars.* exclude ( -- noqa: disable=RF03
        jumps
        {%- if weighs_overlap %},
        is_counted
        {%- endif %}
        {%- if asking and not events %},
        is_event
        {%- endif %}
        {%- if asks_inside %},
        is_inside
        {%- endif %}
        {%- for _ in volatilities %},
        volatility_{{ loop.index }}
        {%- endfor %}
        {%- for _ in trades.columns %},
        column_{{ loop.index }}
        {%- endfor %}
        {%- for distance in trades.own %},
        factor_{{ distance.number }}
        {%- endfor %}
        {%- for horizon in trades.horizons if horizon.in_bars %},
        last_path_clock_{{ horizon.number }}
        {%- endfor %}
        {%- if is_flat %},
        entry_closes
        {%- endif %}
    ), -- noqa: enable=RF03
    {%- if has_asked %}
    (
        {{ "bars.is_counted" if weighs_overlap else "bars.is_wanted" }}
        {%- if asking %}
        and {{ "events.clock is not null" if events else "bars.is_event" }}
        {%- endif %}
        {%- if asks_inside %}
        and bars.is_inside
        {%- endif %}
    ) as is_asked,
    {%- endif %}
    {%- if events and asks_inside %}
    events.clock is not null as is_event,
    {%- endif %}
    {%- if side_of_the_event %}
    coalesce(events.side, 0) as side,
    {%- endif %}
    {%- for distance in trades.own %}
    {%- set factor = "bars.factor_%d" % distance.number %}
    {%- if distance.column or volatilities[distance.volatility - 1][1].kind == "std" %}
    snapped({{ factor }}) as distance_{{ distance.number }},
    {%- else %}
    {%- set ratio = "$distance_%d_numerator::hugeint, $distance_%d_denominator::hugeint" % (distance.number, distance.number) %}
    share_rounded_up({{ factor }}, {{ ratio }}) as distance_{{ distance.number }},
    {%- endif %}
    {%- endfor %}
    bars.jumps
    {%- for horizon in trades.horizons %}
    {%- if horizon.in_bars %}
    {%- set horizon_ends = "coalesce(bars.last_path_clock_%d + 1, 9223372036854775807)" % horizon.number %}
    {%- set is_cut_short = "bars.last_path_clock_%d is null" % horizon.number %}
    {%- else %}
    {%- set horizon_ends = "bars.entry_clock + $%s" % horizon.parameter %}
    {%- set is_cut_short = "%s.last_clock < bars.entry_clock + $%s" % (series, horizon.parameter) %}
    {%- endif %}
    {%- if is_flat %},
    least({{ horizon_ends }}, bars.entry_closes) as horizon_{{ horizon.number }},
    coalesce(bars.entry_closes < {{ horizon_ends }}, false) as ends_at_close_{{ horizon.number }},
    case
        when bars.entry_closes < {{ horizon_ends }} then {{ series }}.last_clock < bars.entry_closes
        else {{ is_cut_short }}
    end as is_cut_short_{{ horizon.number }}
    {%- else %},
    {{ horizon_ends }} as horizon_{{ horizon.number }},
    {{ is_cut_short }} as is_cut_short_{{ horizon.number }}
    {%- endif %}
    {%- endfor %}
from {{ "bars_with_their_last_bars" if horizons_in_bars else bars_so_far }} as bars
{%- if sorts %}
inner join series using (series)
{%- endif %}
{%- if events %}
left join events_of_the_chunk as events
    on
        bars.clock = events.clock
        {%- if events.has_symbol %}
        and {{ series }}.symbol::varchar = events.symbol
        {%- endif %}
{%- endif %};
