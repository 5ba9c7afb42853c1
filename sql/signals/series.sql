-- Purpose:    the series (symbols) of the input, numbered, with the price grid of each
-- Grain:      one row per symbol that is not null
-- In:         `grids`
-- Out:        temp table `series`: series (from 0, in the order of the symbols), symbol, numerator, denominator,
--             increments_per_tick, roll_gap
create or replace temp table series as
select
    row_number() over (order by symbol)::integer - 1 as series,
    symbol,
    numerator,
    denominator,
    increments_per_tick,
    roll_gap
from grids
where symbol is not null;
