-- Purpose:    the bars of many small files in one file
-- Grain:      one row per bar, bad ones too, in the order of the files
-- In:         the input files
-- Out:        a Parquet file: the input columns, those of the paths too, then duck_label_file and duck_label_row
-- Parameters: $files; $wanted, the names of those whose bars are meant; $part
{%- from "checks/rules.sql" import placed_rows with context %}
-- The list of files makes a line too long inside of another query.
-- noqa: disable=LT05
copy (
    with
    {{ placed_rows() | indent(4) }}

    select *
    from placed_rows
    where duck_label_file in (select unnest($wanted))
) to $part (format parquet, row_group_size 122880);
