-- Purpose:    the tallies of all part files added up, by month, symbol or session, or all in one group
-- Grain:      one row per group, mode and tick: excursions in price increments of different ticks do not add up
-- In:         `tallies`
-- Out:        part_of (the group), mode, mode_name, increments_per_tick, clocks_per_second, the clocks of the first and
--             last bar, bars, those asked, jumps, rolled_bars, and the sums of a mode, see `label/12_tally`
select
    {{ by | identifier if by else "''" }} as part_of,
    mode,
    mode_name,
    increments_per_tick,
    clocks_per_second,
    min(first) as first,
    max(last) as last,
    sum(bars) as bars,
    sum(asked) as asked,
    sum(jumps) as jumps,
    sum(rolled_bars) as rolled_bars,
    {%- for name in sums %}
    sum({{ name | identifier }}) as {{ name | identifier }}{{ "," if not loop.last }}
    {%- endfor %}
from tallies
group by all
order by part_of, mode, increments_per_tick
