-- Purpose:    how many prices and moves lie off each of some grids
-- Grain:      one row per symbol and grid
-- In:         `prices`
-- Out:        symbol, place of the grid in the list, levels (different prices), prices, prices_off, moves, moves_off
-- Parameters: $numerators and $denominators of the price increments
with
grids as (
    select
        unnest(range(len($numerators::bigint[]))) as place,
        unnest($numerators::bigint[]) as numerator,
        unnest($denominators::bigint[]) as denominator
),

levels as (
    select
        prices.symbol,
        prices.is_move,
        prices.bars,
        prices.price,
        grids.place,
        grids.numerator,
        grids.denominator,
        prices.price * grids.denominator / grids.numerator as level
    from prices
    cross join grids
),

judged_levels as (
    select
        *,
        -- A FLOAT in a column of DOUBLE, the nearest one to its level and to no other.
        coalesce(
            abs(level) < {{ levels_of_float }}
            and try_cast(price as float) = price
            and try_cast(round(level) * numerator / denominator as float) = price,
            false
        ) as is_short,
        -- A step that is far coarser than the price would seem to fit at zero.
        (abs(level - round(level)) > 1e-6 and not is_short)
        or (round(level) = 0 and price <> 0) as is_off
    from levels
)

select
    symbol,
    place,
    count(*) filter (where not is_move) as levels,
    coalesce(sum(bars) filter (where not is_move), 0) as prices,
    coalesce(sum(bars) filter (where not is_move and is_off), 0) as prices_off,
    coalesce(sum(bars) filter (where is_move), 0) as moves,
    coalesce(sum(bars) filter (where is_move and is_off), 0) as moves_off
from judged_levels
group by all
order by symbol, place
