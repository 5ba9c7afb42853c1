-- Purpose:    which prices there are, and which moves inside a bar, to find the grid on which they lie
-- Grain:      one row per symbol and price, or symbol and move
-- In:         the input files
-- Out:        temp table `prices`: symbol, is_move, price, bars
-- Parameters: $files
--
-- Prices that were shifted as a whole, as back-adjusted ones are, still move by whole ticks.
create or replace temp table prices as
with
bars as (
    select
        {{ symbol_of("source") }} as symbol,
        {%- for price in prices %}
        {{ decimal_of(price, "source") }} as {{ price }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ source }} as source
),

prices_and_moves as (
    select
        symbol,
        unnest([false, false, false, false, true, true]) as is_move,
        unnest([open, high, low, close, round(high - low, 9), round(abs(close - open), 9)]) as price
    from bars
)

select
    symbol::varchar as symbol,
    is_move,
    price,
    count(*) as bars
from prices_and_moves
where isfinite(price) and not (is_move and price <= 0)
group by all;
