-- Purpose:    how far apart the bars of a range of dates lie in time and in price
-- Grain:      as each table says
-- In:         the input files; `last_seen`: the last bar of every symbol before the range
-- Out:        rows added to temp tables: `spacings` (how many bars follow so many clock units after the one before),
--             `moves` (the largest between two closes), `spans_of_time` (high less low in spans as long as $span),
--             `trading_days` (bars of a session); and `last_seen`
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open); $clocks_per_second; $span in clock units;
--             $session_zone, $session_shift
{%- from "input/sessions.sql" import quarter, session_of %}
create or replace temp table neighbours as
with
bars_and_the_last_ones_before as (
    select
        {{ symbol_of("source") }}::varchar as symbol,
        {{ clock(time("source")) }} as clock,
        {{ decimal_of("close", "source") }} as close,
        {{ decimal_of("high", "source") }} as high,
        {{ decimal_of("low", "source") }} as low,
        true as is_new
    from {{ source }} as source
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}

    union all

    select
        last_seen.symbol,
        last_seen.clock,
        last_seen.close,
        null as high,
        null as low,
        false as is_new
    from last_seen
)

select
    *,
    clock - lag(clock) over in_order as spacing,
    abs(close - lag(close) over in_order) as move
from bars_and_the_last_ones_before
window in_order as (partition by symbol order by clock);

insert into spacings
select
    symbol,
    spacing,
    count(*) as bars
from neighbours
where is_new and spacing is not null
group by all;

insert into moves
select
    symbol,
    clock,
    spacing,
    move
from neighbours
where is_new and move > 0 and isfinite(move)
qualify row_number() over (partition by symbol order by move desc, clock asc) <= 50;

insert into spans_of_time
select
    symbol,
    max(high) - min(low) as height
from neighbours
where is_new
group by symbol, clock // $span;

insert into trading_days
with
quarters as (
    select
        symbol,
        {{ quarter("clock") }} as quarter,
        min(clock) as first,
        max(clock) as last,
        count(*) as bars
    from neighbours
    where is_new
    group by all
),

quarters_of_sessions as (
    select
        *,
        {{ session_of("quarter") }} as session
    from quarters
)

select
    symbol,
    session,
    min(first) as first,
    max(last) as last,
    sum(bars) as bars
from quarters_of_sessions
group by all;

create or replace temp table last_seen as
select
    symbol,
    max(clock) as clock,
    arg_max(close, clock) as close
from neighbours
group by symbol;

drop table neighbours;
