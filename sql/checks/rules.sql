{#- What makes a bar bad by itself: `rules` lists (name, predicate) over one row of `source` and the row of `grids`
    that holds its price grid. A predicate that is null does not hold. Imported by the checks; no query itself. -#}
{%- macro any_price(test) -%}
    {%- for price in ("open", "high", "low", "close") -%}
    {{ " or " if not loop.first }}{{ test.replace("?", "source." ~ columns[price]) }}
    {%- endfor -%}
{%- endmacro -%}

{%- set high, low = "source." ~ columns.high, "source." ~ columns.low -%}
{%- set open, close = "source." ~ columns.open, "source." ~ columns.close -%}
{%- set level = "(?::double * grids.denominator / grids.numerator)" -%}
{#- A whole number beyond 2^53 cannot be told from its neighbours in a double. -#}
{%- set off_grid = "isfinite(?::double) and (abs(" ~ level ~ ") > 9007199254740992"
    ~ " or abs(" ~ level ~ " - round(" ~ level ~ ")) > 1e-6)" -%}

{%- set rules = [
    ("null_timestamp", "source." ~ timestamp ~ " is null"),
    ("null_price", any_price("? is null")),
    ("not_finite", any_price("not isfinite(?::double)")),
    ("high_below_low", high ~ " < " ~ low),
    ("high_too_low", high ~ " < " ~ open ~ " or " ~ high ~ " < " ~ close),
    ("low_too_high", low ~ " > " ~ open ~ " or " ~ low ~ " > " ~ close),
    ("off_grid", any_price(off_grid)),
] -%}
{%- if has_symbol -%}
    {%- set rules = rules + [("null_symbol", symbol_of("source") ~ " is null")] -%}
{%- endif -%}
{%- if not allow_nonpositive_prices -%}
    {%- set rules = rules + [("nonpositive_price", any_price("? <= 0"))] -%}
{%- endif -%}
{%- if volume -%}
    {%- set rules = rules + [("negative_volume", "source." ~ volume ~ " < 0")] -%}
{%- endif -%}
