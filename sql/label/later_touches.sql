{#- The first touch of a level after a bar, for other queries to import; no query of its own.

    A search starts at a bar whose reach is known. Where that reach is short of the level, the next crossing of the
    level's cell reaches it, unless a peak inside the cell did so before. Such a peak lies before that crossing and
    after the one before it: it is among those with the same `next_crossing`. Where there are any, the first of them
    is the touch, else the crossing. `asked` has level, place (the cell of the level, and the bar), and the keys. -#}
{%- macro later_touches(side, keys) -%}
next_crossings as (
    select
        asked.*,
        next_place(asked.place, crossings.place) as next_crossing,
        case when next_crossing = crossings.place then crossings.bar end as crossing_bar,
        crossings.clock as crossing_clock,
        crossings.reach as crossing_reach
    from asked
    asof left join crossings_{{ side }} as crossings on asked.place < crossings.place
),

later_touches as (
    select
        {%- for key in keys %}
        next_crossings.{{ key }},
        {%- endfor %}
        coalesce(peaks.bar, crossing_bar) as bar,
        coalesce(peaks.clock, crossing_clock) as clock,
        coalesce(peaks.reach, crossing_reach) as reach
    from next_crossings
    left join peaks_{{ side }} as peaks
        on
            next_crossings.next_crossing = peaks.next_crossing
            and bar_of(next_crossings.place) < peaks.bar
            and next_crossings.level <= peaks.reach
    where coalesce(peaks.bar, crossing_bar) is not null
)
{%- endmacro %}
