{#- What makes a bar bad by itself, for the checks to import; no query of its own.

    `placed_rows` is a CTE: every row of the input, under its own names, with its place. `rows_on_trial` is one over
    such rows: their place, their prices in double, their levels on the grid, and whether they lie off it.
    `rules` lists (name, predicate) over such a row. A predicate that is null does not hold. A row of which
    `breaks_none` holds breaks no rule: it takes half of the comparisons, and is null where a value is.
    Prices are compared as levels: an open of 0.35000000000000003 is no higher than a high of 0.35. -#}
{%- macro placed_rows() -%}
placed_rows as (
    select
        {%- for column in input_columns[:file_columns] %}
        column_{{ loop.index }} as {{ column }},
        {%- endfor %}
        {%- for column, field in keys %}
        said.{{ field }}::varchar as {{ column }},
        {%- endfor %}
        duck_label_file,
        {{ "duck_label_row" if is_gathered else "file_row_number as duck_label_row" }}
    -- A column of the input may be called file_row_number too: renamed, it leaves DuckDB's in sight.
    from {{ files }} as files (
        {%- for _ in input_columns[:file_columns] %}
        column_{{ loop.index }}{{ "," if not loop.last }}
        {%- endfor %}
    )
    {%- if keys %}
    inner join (select unnest($files, max_depth := 2)) as said on files.duck_label_file = said.filename
    {%- endif %}
)
{%- endmacro -%}

{%- macro rows_on_trial(rows, place) -%}
rows_with_prices as (
    select
        {%- for name in place %}
        source.{{ name }},
        {%- endfor %}
        {{ time("source") }} as bar_time,
        {%- if doubt %}
        {{ doubt.replace(" or ", "\n        or ") }} as is_doubtful,
        {%- endif %}
        {{ symbol_of("source") }} as symbol,
        {%- if volume %}
        source.{{ volume }} as volume,
        {%- endif %}
        {%- for price in prices %}
        source.{{ columns[price] }}::double as {{ price }},
        {{ level_of(price, "source", "grids") }} as {{ price }}_multiple,
        {%- endfor %}
        grids.numerator,
        grids.denominator
    from {{ rows }} as source
    inner join grids on {{ symbol_of("source") }} is not distinct from grids.symbol
),

rows_on_trial as (
    select
        {%- for name in place %}
        {{ name }},
        {%- endfor %}
        bar_time,
        {%- if doubt %}
        is_doubtful,
        {%- endif %}
        symbol,
        {%- if volume %}
        volume,
        {%- endif %}
        {%- for price in prices %}
        {{ price }},
        {{ price }}_multiple,
        round({{ price }}_multiple) as {{ price }}_level,
        isfinite({{ price }})
        and {{ is_off_grid(price) }} as {{ price }}_is_off
        {{- "," if not loop.last }}
        {%- endfor %}
    from rows_with_prices
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
    ("high_below_low", "high_level < low_level"),
    ("high_too_low", "high_level < open_level or high_level < close_level"),
    ("low_too_high", "low_level > open_level or low_level > close_level"),
    ("beyond_grid", any_price("isfinite(?) and abs(?_level) >= 9007199254740992")),
] -%}
{%- if doubt -%}
    {%- set rules = rules + [("doubtful_time", "is_doubtful")] -%}
{%- endif -%}
{%- if not rounds_prices -%}
    {%- set rules = rules + [("off_grid", any_price("?_is_off"))] -%}
{%- endif -%}
{%- if has_symbol -%}
    {%- set rules = rules + [("null_symbol", "symbol is null")] -%}
{%- endif -%}
{%- if not allow_nonpositive_prices -%}
    {%- set rules = rules + [("nonpositive_price", any_price("?_level <= 0"))] -%}
{%- endif -%}
{%- if volume -%}
    {%- set rules = rules + [("negative_volume", "volume < 0")] -%}
{%- endif -%}

{#- With low <= open, close <= high a bound of one price is one of all four, and NaN is above every bound. To round
    takes time, and what holds of the prices holds of their levels, as long as a bound leaves room for it. -#}
{%- macro breaks_none() -%}
    bar_time is not null
    and low_multiple >= {{ -9007199254740991 if allow_nonpositive_prices else 1 }}
    and high_multiple <= 9007199254740991
    and low <= open
    and low <= close
    and open <= high
    and close <= high
    {%- if not rounds_prices %}
    and not ({{ any_price("?_is_off") }})
    {%- endif %}
    {%- if doubt %}
    and not is_doubtful
    {%- endif %}
    {%- if has_symbol %}
    and symbol is not null
    {%- endif %}
    {%- if volume %}
    and coalesce(volume, 0) >= 0
    {%- endif %}
{%- endmacro -%}
