-- Purpose:    the sums of a chunk that its labels cannot tell: outcomes, excursion and speed of winners, rolls
-- Grain:      one row per symbol, month (UTC) and session that has a bar in the chunk
-- In:         `moves`, `rolls`, `series`; `worths`, where overlap counts; `bars`, where only some are asked;
--             `session_times`, where there are any
-- Out:        temp table `tally`, and the same as JSON in the variable `tally`: clocks of the first and last bar,
--             bars, those that are asked, jumps, roll-affected bars, and for each mode in `modes`: the bars of every
--             outcome and of every label by name; `tied`, those that one bar decided which touches both barriers;
--             summed over winners `mae` in price increments and `clocks`, the units from entry to target; and with
--             exits `gains` and `losses` of all trades, in price increments; where overlap counts, `worth`, the
--             uniqueness of all in parts of 2^40
-- Parameters: $clocks_per_second; $session_zone and $session_shift (minutes): a session is a day there, so much later;
--             $session_start, the same in words; $mode_N_name; $read_from, $read_to
--
-- Where `session_times` tells the sessions, a bar counts for the day on which its own opens there, or as `outside`.
--
-- All sums are of whole numbers, so that the tallies of any cut add up to the same. Bars are gathered by quarters of
-- an hour first: months and sessions change only there.
{%- from "input/sessions.sql" import quarter, quarter_time, session_of %}
{%- from "label/asked.sql" import sessions_of_the_series %}
{%- from "label/label.sql" import label_of, settled with context %}
{%- set keys = ["series", "quarter"] + (["session"] if has_session else []) %}

{#- What rows are gathered by first. -#}
{%- macro keys_of_the_quarter() -%}
series,
        {{ quarter("clock") }} as quarter
        {%- if has_session %},
        session
        {%- endif %}
{%- endmacro %}

{#- Bars with the day on which their session opens. -#}
{%- macro with_sessions(name, bars) -%}
{{ name }} as (
    select
        bars.*,
        case when bars.clock < sessions.closes then sessions.day else 'outside' end as session
    from {{ bars }} as bars
    asof left join days_of_the_sessions as sessions
        on bars.series = sessions.series and bars.clock >= sessions.opens
),
{%- endmacro %}
create or replace temp table tally as
with
{%- if has_session %}
{{ sessions_of_the_series(clock, moment) }},

days_of_the_sessions as (
    select
        *,
        strftime(timezone($session_zone, timezone('UTC', {{ utc("opens") }}::timestamp)), '%Y-%m-%d') as day
    from sessions_of_the_series
),

{{ with_sessions("bars_with_their_session", "moves") }}

{{ with_sessions("rolls_with_their_session", "rolls") }}
{%- if weighs_overlap %}

{{ with_sessions("worths_with_their_session", "worths") }}
{%- endif %}
{%- if asks_some %}

{{ with_sessions("others_with_their_session", "bars") }}
{%- endif %}
{%- endif %}

bars_of_the_quarters as (
    select
        {{ keys_of_the_quarter() }},
        count(*) as bars,
        count(*) as asked,
        min(clock) as first,
        max(clock) as last
        {%- for mode in trades.modes %}
        {%- set number = mode.number %}
        {%- set touched = "touched_%d" % number %},
        {{ touched }},
        {%- if label == "sign" %}
        {{ label_of(mode, settled(touched), "gain_%d" % number, touched) | indent(8) }} as label_{{ number }},
        {%- endif %}
        {%- if breaks_ties_by_open %}
        count_if(is_tied_{{ number }}) as tied_{{ number }},
        {%- endif %}
        {%- if has_exits %}
        sum(greatest(gain_{{ number }}, 0)) as gains_{{ number }},
        sum(greatest(-gain_{{ number }}, 0)) as losses_{{ number }},
        {%- endif %}
        sum(mae_{{ number }}) as mae_{{ number }},
        sum(clocks_{{ number }}) as clocks_{{ number }}
        {%- endfor %}
    from {{ "bars_with_their_session" if has_session else "moves" }}
    group by all
    {%- if weighs_overlap %}

    union all by name

    select
        {{ keys_of_the_quarter() }},
        0 as bars,
        0 as asked
        {%- for mode in modes %},
        sum(floor({{ ("uniqueness_" ~ mode.name) | identifier }} * 1099511627776)::bigint) as worth_{{ loop.index }}
        {%- endfor %}
    from {{ "worths_with_their_session" if has_session else "worths" }}
    group by all
    {%- endif %}
    {%- if asks_some %}

    union all by name

    select
        {{ keys_of_the_quarter() }},
        count(*) as bars,
        0 as asked,
        min(clock) as first,
        max(clock) as last
        {%- for _ in modes %},
        'skipped'::outcome as touched_{{ loop.index }}
        {%- endfor %}
    from {{ "others_with_their_session" if has_session else "bars" }}
    where is_wanted and not is_asked
    group by all
    {%- endif %}
),

rolls_of_the_quarters as (
    select
        {{ keys_of_the_quarter() }},
        count(*) as rolled_bars,
        count_if(jumps) as jumps
    from {{ "rolls_with_their_session" if has_session else "rolls" }}
    where is_wanted
    group by all
),

quarters as (
    select
        series,
        quarter,
        strftime({{ quarter_time("quarter") }}, '%Y-%m') as month,
        {{ "session" if has_session else session_of("quarter") }} as session,
        sum(bars) as bars,
        sum(asked) as asked,
        min(first) as first,
        max(last) as last
    from bars_of_the_quarters
    group by {{ keys | join(", ") }}
),

outcomes_of_the_quarters as (
    select
        *
        {%- for mode in trades.modes %}
        {%- set number = mode.number %}
        {%- set touched, outcome = "touched_%d" % number, "outcome_%d" % number %},
        {{ settled(touched) | indent(8) }} as {{ outcome }}
        {%- if label != "sign" %},
        {{ label_of(mode, outcome) | indent(8) }} as label_{{ number }}
        {%- endif %}
        {%- if not breaks_ties_by_open %},
        case when {{ touched }} = 'both' then bars else 0 end as tied_{{ number }}
        {%- endif %}
        {%- endfor %}
    from bars_of_the_quarters
),

trades as (
    select
        {{ keys | join(",\n        ") }},
        bars,
        unnest([
            {%- for _ in modes %}
            {
                mode: {{ loop.index }},
                outcome: outcome_{{ loop.index }},
                label: label_{{ loop.index }},
                tied: tied_{{ loop.index }},
                {%- if has_exits %}
                gains: gains_{{ loop.index }},
                losses: losses_{{ loop.index }},
                {%- endif %}
                {%- if weighs_overlap %}
                worth: worth_{{ loop.index }},
                {%- endif %}
                mae: mae_{{ loop.index }},
                clocks: clocks_{{ loop.index }}
            }{{ "," if not loop.last }}
            {%- endfor %}
        ]) as trade
    from outcomes_of_the_quarters
),

modes as (
    select
        trades.series,
        quarters.month,
        quarters.session,
        trades.trade.mode as mode,
        {
            {%- for outcome in outcomes %}
            "{{ outcome }}": coalesce(sum(trades.bars) filter (where trades.trade.outcome = '{{ outcome }}'), 0),
            {%- endfor %}
            {%- for name, label in (("label_1", "= 1"), ("label_0", "= 0"), ("label_minus_1", "= -1"), ("label_null", "is null")) %}
            "{{ name }}": coalesce(sum(trades.bars) filter (where trades.trade.label {{ label }}), 0),
            {%- endfor %}
            "tied": coalesce(sum(trades.trade.tied), 0),
            {%- if has_exits %}
            "gains": coalesce(sum(trades.trade.gains), 0),
            "losses": coalesce(sum(trades.trade.losses), 0),
            {%- endif %}
            {%- if weighs_overlap %}
            "worth": coalesce(sum(trades.trade.worth), 0),
            {%- endif %}
            "mae": coalesce(sum(trades.trade.mae) filter (where trades.trade.outcome = 'target'), 0),
            "clocks": coalesce(sum(trades.trade.clocks) filter (where trades.trade.outcome = 'target'), 0)
        } as sums
    from trades
    inner join quarters using ({{ keys | join(", ") }})
    group by all
),

modes_of_the_sessions as (
    select
        series,
        month,
        session,
        list(sums order by mode) as modes
    from modes
    group by all
),

sessions as (
    select
        quarters.series,
        quarters.month,
        quarters.session,
        min(quarters.first) as first,
        max(quarters.last) as last,
        sum(quarters.bars) as bars,
        sum(quarters.asked) as asked,
        coalesce(sum(rolls.jumps), 0) as jumps,
        coalesce(sum(rolls.rolled_bars), 0) as rolled_bars
    from quarters
    left join rolls_of_the_quarters as rolls using ({{ keys | join(", ") }})
    group by all
)

select
    series.symbol::varchar as symbol,
    sessions.month,
    sessions.session,
    series.increments_per_tick,
    sessions.first,
    sessions.last,
    sessions.bars,
    sessions.asked,
    sessions.jumps,
    sessions.rolled_bars,
    modes_of_the_sessions.modes
from sessions
inner join modes_of_the_sessions using (series, month, session)
inner join series using (series);

set variable tally = (
    select
        to_json({
            modes: [
                {%- for _ in modes %}
                $mode_{{ loop.index }}_name{{ "," if not loop.last }}
                {%- endfor %}
            ],
            clocks_per_second: $clocks_per_second,
            session_start: $session_start,
            rows: list(tally order by tally.symbol, tally.month, tally.session)
        })
    from tally
);

drop table rolls;
{%- if asks_some %}
drop table bars;
{%- endif %}
