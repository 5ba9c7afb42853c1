{#- How far prices move about a bar, for other queries to import; no query of its own.

    Bars come in their order and are read as they pass by, so no window sorts them again. Sums run on over all series;
    what lies between two bars of one is the difference of two such sums, in whole numbers, whatever came before. -#}
{%- macro totals_and_volatility(volatilities) -%}
bars_with_their_totals as (
    select
        *
        {%- for _, volatility in volatilities %}
        {%- if volatility.kind == "atr" %},
        sum(true_range) over so_far as total_{{ loop.index }}
        {%- elif volatility.kind == "std" %},
        sum(change) over so_far as total_{{ loop.index }},
        sum(change::hugeint * case when not coalesce(jumps, false) then change end) over so_far as squares_{{ loop.index }}
        {%- endif %}
        {%- endfor %},
        max(case when jumps then bar end) over so_far as last_jump
    from bars_with_their_neighbours
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
),

-- A change over which the close jumps is no volatility: the window that holds it has none.
bars_with_their_volatility as (
    select
        * exclude (
            change, true_range, last_jump
            {%- for _, volatility in volatilities %}
            {{- ", total_%d" % loop.index if volatility.kind != "range" }}
            {{- ", squares_%d" % loop.index if volatility.kind == "std" }}
            {%- endfor %}
        )
        {%- for _, volatility in volatilities %}
        {%- set length = volatility.bars %}
        {%- set first = length if volatility.kind == "std" else length - 1 %}
        {%- set total = "(total_%d - coalesce(lag(total_%d, %d) over (), 0))" % (loop.index, loop.index, length) %},
        case
            when
                lag(series, {{ first }}) over () = series
                and coalesce(last_jump <= bar - {{ length }}, true)
                then
                    {%- if volatility.kind == "atr" %}
                    {{ total }}
                    {%- elif volatility.kind == "range" %}
                    (max(high) over last_{{ loop.index }} - min(low) over last_{{ loop.index }})::hugeint
                    {%- else %}
                    {%- set squares = "squares_%d" % loop.index %}
                    sqrt(
                        (
                            {{ length }}::hugeint
                            * ({{ squares }} - coalesce(lag({{ squares }}, {{ length }}) over (), 0))
                            - {{ total }}
                            * {{ total }}
                        )::double
                        / ({{ length }} * ({{ length }} - 1))::double
                    )
                    {%- endif %}
        end as volatility_{{ loop.index }}
        {%- endfor %}
    from bars_with_their_totals
    {%- if volatilities | selectattr("1.kind", "equalto", "range") | list %}
    window
        {%- for _, volatility in volatilities %}
        last_{{ loop.index }} as (rows between {{ volatility.bars - 1 }} preceding and current row)
        {{- "," if not loop.last }} -- noqa: PRS
        {%- endfor %}
    {%- endif %}
)
{%- endmacro -%}
