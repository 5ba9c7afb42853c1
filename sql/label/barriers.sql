{#- Which barrier is a trade's target and which its stop, and which of the two decides, for other queries to import; no
    query of its own. -#}
{%- from "label/distances.sql" import distance_of %}

{#- Of what lies above and below an entry, that which is a trade's target or its stop. -#}
{%- macro of_trade(mode, what, above, below, table, type) -%}
{%- set is_above = (mode.direction == "long") == (what == "target") -%}
{%- if mode.direction == "side" -%}
{%- set for_long, for_short = (above, below) if what == "target" else (below, above) -%}
by_side({{ table }}.side, {{ for_long or "null" }}, {{ for_short or "null" }})
{%- else -%}
{{ (above if is_above else below) or "null::" ~ type }}
{%- endif -%}
{%- endmacro -%}

{#- Whether one of the distances is unknown. -#}
{%- macro any_unknown(distances, bars) -%}
{%- for distance in distances -%}
{{ distance_of(distance, "series", bars) }} is null{{ " or " if not loop.last }}
{%- endfor -%}
{%- endmacro -%}

{#- Which of the two barriers is touched first, or both by one bar; `skipped` where a condition says so. -#}
{%- macro touched(target, stop, skipped=none) -%}
case
    {%- if skipped %}
    when {{ skipped }} then 'skipped'::outcome
    {%- endif %}
    when {{ target }} < {{ stop }} or {{ stop }} is null then 'target'::outcome
    when {{ stop }} < {{ target }} or {{ target }} is null then 'stop'::outcome
    else 'both'::outcome
end
{%- endmacro -%}
