-- Purpose:    every bad bar, with the rules that it breaks
-- Grain:      one row per bad bar
-- In:         the input files; `grids`, `duplicates`
-- Out:        the input columns, then duck_label_file, duck_label_row (from 0) and duck_label_rules
-- Parameters: $files
--
-- All copies of a duplicate are bad: nothing in the input says which one is right, and the order of the files
-- must not decide it.
{%- from "checks/rules.sql" import rules with context %}
with
judged_bars as (
    select
        source.*,
        list_filter([
            {%- for rule, predicate in rules %}
            case when {{ predicate }} then '{{ rule }}' end,
            {%- endfor %}
            case when duplicates.bar_time is not null then 'duplicate' end
        ], lambda rule: rule is not null) as duck_label_rules
    from {{ source_with_files }} as source
    {{ join_grids }}
    left join duplicates
        on
            source.{{ timestamp }} = duplicates.bar_time
            and {{ symbol_of("source") }} = duplicates.symbol
)

select *
from judged_bars
where len(duck_label_rules) > 0
