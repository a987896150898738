{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_conflicts() }}",
) }}
-- Versions of one key with one stamp and other content: the later delivery wins, and the auditors are told. Keys only.
{% for table, key in corrected_tables().items() -%}
{{ 'union all ' if not loop.first }}{{ conflicts_of(table, key) }}
{% endfor %}
