{#- Trading days, for other queries to import; no query of its own.

    Days begin only on quarters of an hour (UTC), in whatever time zone, so that bars are gathered by quarters first
    and few quarters need to be asked for theirs: a question to a time zone is slow. -#}
{%- macro quarter(clock) -%}
    (
            {{ clock }} // (900 * $clocks_per_second::bigint)
            - ({{ clock }} % (900 * $clocks_per_second::bigint) < 0)::bigint
        )
{%- endmacro -%}

{%- macro quarter_time(quarter) -%}
    make_timestamp({{ quarter }} * 900 * 1_000_000)
{%- endmacro -%}

{%- macro session_of(quarter) -%}
    (
            timezone($session_zone, timezone('UTC', {{ quarter_time(quarter) }}))
            + to_minutes($session_shift)
        )::date
{%- endmacro -%}
