{#- What asks for the bars of a chunk, for other queries to import; no query of its own. -#}

{#- The events of a file in a range, each once. Those without a symbol ask for a time's bars of every symbol. -#}
{%- macro events_of_the_chunk(events, clock, side, first, until) -%}
events_of_the_chunk as (
    select
        {{ clock }} as clock
        {%- if events.has_symbol %},
        events.symbol::varchar as symbol
        {%- endif %}
        {%- if events.has_side %},
        any_value({{ side }}) as side
        {%- endif %}
    from read_parquet($events) as events
    where {{ events.within(first, until) }}
    group by all
)
{%- endmacro -%}

{#- The sessions that bars of the chunk or its margins may lie in. Those of a symbol never overlap. -#}
{%- macro sessions_of_the_series(clock, moment) -%}
sessions_of_the_series as (
    select
        series.series,
        session_times.opens,
        session_times.closes
    from session_times
    inner join series on coalesce(series.symbol::varchar, '') glob session_times.pattern
    where
        session_times.closes > {{ clock(moment("read_from")) }}
        and session_times.opens <= {{ clock(moment("read_to")) }}
)
{%- endmacro -%}
