{#- The weight of a bar in a mode, for other queries to import and indent; no query of its own.

    It is computed in double and rounded to FLOAT once, and stays above zero even where the decay is too small for a
    FLOAT. Parameters: $decay_rate, $quality_best, $quality_slope, $velocity_best, $velocity_slope, $optimal_seconds,
    $velocity_span_seconds, $floor; $reference_month (12 * year + month). -#}

{#- What the age of a bar leaves of its weight, given its month as $reference_month has it. -#}
{%- macro decay_of(month) -%}
exp(
    -$decay_rate::double
    * greatest(
        0,
        $reference_month::bigint
        - {{ month }}
    )
)
{%- endmacro -%}

{#- The weight where a label `is_known`, else null. The move against the trade and its stop are of one unit; without a
    stop, quality is 1; without a span, uniqueness. -#}
{%- macro weight_of(factors, is_known, is_won, against, stop, seconds, decay, uniqueness="null") -%}
{%- set values = {
    "quality": "least(
                $quality_best::double,
                greatest(
                    $floor::double,
                    $quality_best::double
                    - $quality_slope::double
                    * %s
                    / %s
                )
            )" % (against, stop) if stop else "1.0::double",
    "velocity": "least(
                $velocity_best::double,
                greatest(
                    $floor::double,
                    $velocity_best::double
                    - $velocity_slope::double
                    * (%s - $optimal_seconds::double)
                    / $velocity_span_seconds::double
                )
            )" % seconds,
    "decay": decay,
    "uniqueness": "coalesce(%s, 1)" % uniqueness,
} -%}
{#- Those of winners alone, and those of every bar with a label. -#}
{%- set of_winners = factors | select("in", ("quality", "velocity")) | list -%}
{%- set of_all = factors | reject("in", of_winners) | list -%}
case
    {%- if of_winners %}
    when {{ is_known }} and {{ is_won }}
        then greatest(
            {%- for factor in factors %}
            {{ "* " if not loop.first }}{{ values[factor] }}
            {%- endfor %},
            1.1754943508222875e-38
        )
    {%- endif %}
    when {{ is_known }}
        then greatest(
            {%- for factor in of_all %}
            {{ "* " if not loop.first }}{{ values[factor] }}
            {%- else %}
            1.0::double
            {%- endfor %},
            1.1754943508222875e-38
        )
end::float
{%- endmacro -%}
