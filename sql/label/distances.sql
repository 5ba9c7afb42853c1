{#- How far barriers lie from the entry, in whole price increments, for other queries to import; no query of its own.

    A distance is a column of the series (ticks and points), follows from the entry (percent), or is a column of the
    bar (of a volatility or of a column of the input). -#}

{#- The distance, in a query over `series` and `bars` (or whatever has their columns; none where names need no table). -#}
{%- macro distance_of(distance, series="series", bars="bars") -%}
{%- set number = distance.number -%}
{%- set of_bar = bars ~ "." if bars else "" -%}
{%- if distance.is_fixed -%}
{{ series }}.distance_{{ number }}
{%- elif distance.is_own -%}
{{ of_bar }}distance_{{ number }}
{%- else -%}
rounded_up(abs({{ of_bar }}entry) * {{ series }}.numerator_{{ number }}, {{ series }}.denominator_{{ number }})
{%- endif -%}
{%- endmacro -%}

{#- How far a barrier on one side of the entry lies; null where it is unknown, or there is none. -#}
{%- macro reach_of(reach, series="series", bars="bars") -%}
{%- if reach.by_side -%}
by_side(
    {{ bars }}.side,
    {{ distance_of(reach.long, series, bars) if reach.long else "null" }},
    {{ distance_of(reach.short, series, bars) if reach.short else "null" }}
)
{%- else -%}
{{ distance_of(reach.distances[0], series, bars) }}
{%- endif -%}
{%- endmacro -%}
