{#- The first touch of a level after a bar, for other queries to import; no query of its own.

    A search starts at a bar whose reach is known. Where that reach is short of the level, the next crossing of the
    level's cell reaches it, unless a peak inside the cell did so before. Such a peak lies before that crossing and
    after the one before it: it is among those with the same `next_crossing`. Where there are any, the first of them
    is the touch, else the crossing. `asked` has series, cell, level, bar, and the keys. -#}
{%- macro later_touches(side, keys, never) -%}
later_touches as (
    select
        {%- for key in keys %}
        asked.{{ key }},
        {%- endfor %}
        coalesce(peaks.bar, crossings.bar) as bar,
        coalesce(peaks.clock, crossings.clock) as clock,
        coalesce(peaks.reach, crossings.reach) as reach
    from asked
    asof left join crossings_{{ side }} as crossings
        on
            asked.series = crossings.series
            and asked.cell = crossings.cell
            and asked.bar < crossings.bar
    left join peaks_{{ side }} as peaks
        on
            asked.series = peaks.series
            and asked.cell = peaks.cell
            and coalesce(crossings.bar, {{ never }}) = peaks.next_crossing
            and asked.bar < peaks.bar
            and asked.level <= peaks.reach
    where coalesce(peaks.bar, crossings.bar) is not null
)
{%- endmacro %}
