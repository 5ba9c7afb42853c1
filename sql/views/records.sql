{#- The records of the runs, for the views to import; no query of its own.

    Any of these files may be missing, and the last line of one may be half written: every view reads the files that are
    there, keeps those of its own name, and passes over lines that are not whole. -#}
{%- macro records(columns) -%}
    from
        read_json(
            {{ folder }} || '/_duck_label/**/*.jsonl',
            format = 'newline_delimited',
            ignore_errors = true,
            filename = true,
            columns = {
                'time': 'timestamptz'
                {%- for name, kind in columns %},
                '{{ name }}': '{{ kind }}'
                {%- endfor %}
            }
        )
{%- endmacro -%}
