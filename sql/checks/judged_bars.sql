-- Purpose:    every bad bar, with the rules that it breaks
-- Grain:      one row per bad bar
-- In:         all files of the input, in order; `grids`, `duplicates`
-- Out:        the input columns, then duck_label_file, duck_label_row (from 0) and duck_label_rules
-- Parameters: $files
--
-- All copies of a duplicate are bad: nothing in the input says which one is right, and the order of the files
-- must not decide it.
{%- from "checks/rules.sql" import placed_rows, rows_on_trial, rules with context %}
with
{{ placed_rows() }},

{{ rows_on_trial("placed_rows", ["duck_label_file", "duck_label_row"]) }},

judgements as (
    select
        rows_on_trial.duck_label_file,
        rows_on_trial.duck_label_row,
        list_filter([
            {%- for rule, predicate in rules %}
            if(
                {{ predicate.replace(" or ", "\n                or ") }},
                '{{ rule }}',
                null
            ),
            {%- endfor %}
            if(duplicates.bar_time is not null, 'duplicate', null)
        ], lambda rule: rule is not null) as duck_label_rules
    from rows_on_trial
    left join duplicates using (symbol, bar_time)
)

select
    placed_rows.*,
    judgements.duck_label_rules
from placed_rows
inner join judgements using (duck_label_file, duck_label_row)
where len(judgements.duck_label_rules) > 0
