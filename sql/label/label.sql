{#- What an outcome is called in training, for other queries to import; no query of its own. -#}

{#- What becomes of a trade that one bar decides which touches both barriers, where the rule for ties needs no more. -#}
{%- macro settled(outcome) -%}
{%- if tie in ("target", "stop") and trades.may_tie -%}
case when {{ outcome }} = 'both' then '{{ tie }}'::outcome else {{ outcome }} end
{%- else -%}
{{ outcome }}
{%- endif -%}
{%- endmacro -%}

{#- Whether a trade wins, told by what it touched. -#}
{%- macro wins(touched) -%}
{{ touched }} {{ "in ('target', 'both')" if tie == "target" and trades.may_tie else "= 'target'" }}
{%- endmacro -%}

{#- Whether a trade has a label, told by its outcome or by what it touched: of a tie that is settled nothing is null. -#}
{%- macro is_known(mode, outcome) -%}
{%- set without = without_label if tie == "null" else without_label | reject("equalto", "both") | list -%}
{%- set unlabeled = (without if mode.may_have_no_trade or tie == "null" else []) + (unresolved if unresolved_is_null else []) -%}
{{ outcome ~ " not in ('" ~ unlabeled | join("', '") ~ "')" if unlabeled else "true" }}
{%- endmacro -%}

{#- The label of a settled outcome; null where it has none. Only that of a sign asks for the gain. What was `touched`
    tells with less work whether a trade has a label, and wins. -#}
{%- macro label_of(mode, outcome, gain=none, touched=none) -%}
case
    when {{ is_known(mode, touched or outcome) }}
        then
            {%- if label == "win" %}
            ({{ wins(touched) if touched else outcome ~ " = 'target'" }})::tinyint
            {%- else %}
            case {{ outcome }}
                when 'target' then 1
                {%- if label == "touch" %}
                when 'stop' then -1
                {%- else %}
                when 'stop' then {{ "sign(%s)" % gain if mode.trails else "-1" }}
                when 'timeout' then sign({{ gain }})
                {%- if is_flat %}
                when 'close' then sign({{ gain }})
                {%- endif %}
                {%- endif %}
                else 0
            end
            {%- endif %}
end::tinyint
{%- endmacro -%}
