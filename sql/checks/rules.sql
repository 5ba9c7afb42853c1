{#- What makes a bar bad by itself, for the checks to import; no query of its own.

    `placed_rows` is a CTE: every row of the input, under its own names, with its place. `rows_on_trial` is one over
    such rows: their place, and their prices and grid levels in double.
    `rules` lists (name, predicate) over such a row. A predicate that is null does not hold. -#}
{%- macro placed_rows() -%}
placed_rows as (
    select
        {%- for column in input_columns %}
        column_{{ loop.index }} as {{ column }},
        {%- endfor %}
        duck_label_file,
        file_row_number as duck_label_row
    -- A column of the input may be called file_row_number too: only under another name it leaves DuckDB's in sight.
    from {{ files_with_names }} as files (
        {%- for _ in input_columns %}
        column_{{ loop.index }}{{ "," if not loop.last }}
        {%- endfor %}
    )
)
{%- endmacro -%}

{%- macro rows_on_trial(rows, place) -%}
rows_on_trial as (
    select
        {%- for name in place %}
        source.{{ name }},
        {%- endfor %}
        source.{{ timestamp }} as bar_time,
        {{ symbol_of("source") }} as symbol,
        {%- if volume %}
        source.{{ volume }} as volume,
        {%- endif %}
        {%- for price in prices %}
        source.{{ columns[price] }}::double as {{ price }},
        source.{{ columns[price] }}::double * grids.denominator / grids.numerator as {{ price }}_level
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ rows }} as source
    inner join grids on {{ symbol_of("source") }} is not distinct from grids.symbol
)
{%- endmacro -%}

{%- macro any_price(test) -%}
    {%- for price in prices -%}
    {{ " or " if not loop.first }}{{ test.replace("?", price) }}
    {%- endfor -%}
{%- endmacro -%}

{%- set rules = [
    ("null_timestamp", "bar_time is null"),
    ("null_price", any_price("? is null")),
    ("not_finite", any_price("not isfinite(?)")),
    ("high_below_low", "high < low"),
    ("high_too_low", "high < open or high < close"),
    ("low_too_high", "low > open or low > close"),
    ("off_grid", any_price("isfinite(?) and abs(?_level - round(?_level)) > 1e-6")),
    ("beyond_grid", any_price("isfinite(?) and abs(?_level) > 9007199254740992")),
] -%}
{%- if has_symbol -%}
    {%- set rules = rules + [("null_symbol", "symbol is null")] -%}
{%- endif -%}
{%- if not allow_nonpositive_prices -%}
    {%- set rules = rules + [("nonpositive_price", any_price("? <= 0"))] -%}
{%- endif -%}
{%- if volume -%}
    {%- set rules = rules + [("negative_volume", "volume < 0")] -%}
{%- endif -%}
