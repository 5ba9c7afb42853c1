-- Purpose:    which bars a roll affects, and which paths meet one
-- Grain:      `rolls`: one row per roll-affected bar, which may be the one that jumps; `rolled_paths`: one row per bar
--             that is roll-affected or has such a bar on its path, and the first such bar
-- In:         `bars`
-- Out:        temp tables `rolls` and `rolled_paths`
--
-- A jump at a bar affects the bar before it and the five bars after it.
create or replace temp table rolls as
with
affected_bars as (
    select distinct
        series,
        unnest(range(bar - 1, bar + 6))::integer as bar
    from bars
    where jumps
)

select
    bars.series,
    bars.bar,
    bars.clock,
    bars.is_wanted,
    bars.jumps
from bars
inner join affected_bars using (series, bar);

-- Few paths meet a roll. Most are told so block by block: the next roll lies past the horizon of all its bars. In most
-- chunks nothing rolls, and there are no blocks to look at.
create or replace temp table rolled_paths as
with
blocks as (
    select
        series,
        {{ block("bar") }} as block,
        min(bar) as bar,
        greatest(max({{ longest_horizon() }}), max(clock) + 1) as horizon
    from bars
    where exists (select * from rolls)
    group by all
),

blocks_near_a_roll as (
    select
        blocks.series,
        blocks.block
    from blocks
    asof inner join rolls on blocks.series = rolls.series and blocks.bar <= rolls.bar
    where rolls.clock < blocks.horizon
),

bars_near_a_roll as (
    select bars.*
    from bars
    inner join blocks_near_a_roll as blocks on bars.series = blocks.series and {{ block("bars.bar") }} = blocks.block
)

select
    bars.series,
    bars.bar,
    rolls.bar as roll_bar,
    rolls.clock as roll_clock
from bars_near_a_roll as bars
asof inner join rolls on bars.series = rolls.series and bars.bar <= rolls.bar
where rolls.clock < {{ longest_horizon("bars") }} or rolls.bar = bars.bar;
