{#- What makes a bar bad by itself, for the checks to import; no query of its own.

    `rows_on_trial` are CTEs: every row of the input with its place, and its prices and their grid levels in double.
    `rules` lists (name, predicate) over such a row. A predicate that is null does not hold. -#}
{%- macro rows_on_trial() -%}
placed_rows as (
    select
        *,
        file_row_number as duck_label_row
    from {{ files_with_names }}
),

rows_on_trial as (
    select
        source.duck_label_file,
        source.duck_label_row,
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
    from placed_rows as source
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
