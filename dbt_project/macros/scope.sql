{# What the running build may see, and what it must do again. transform.py writes schema `build` before dbt starts. #}

{# The raw rows of the files in force, for staging: lineage and the order among versions come with them. #}
{% macro rows_in_force(table) -%}
from {{ source('raw', table) }} as delivered
inner join {{ source('build', 'in_force') }} as in_force
    on delivered.load_id = in_force.load_id and in_force.table_name = '{{ table }}'
{%- endmacro %}

{# Where a staging row came from, and what decides between two versions of one key (exports.md, "In force"). #}
{% macro lineage() -%}
delivered.load_id,
    delivered.line,
    delivered.business_date,
    in_force.nn,
    in_force.mode
{%- endmacro %}

{# A person only where the number is an identity; a token of another kind must never join (exports.md, "Kept and flagged"). #}
{% macro person_key(column) -%}
case when delivered.{{ column }}_status in ('valid', 'valid_15') then delivered.{{ column }}_key end
{%- endmacro %}

{# Business dates of tables whose rows in force changed, as SQL literals, so that the planner prunes partitions. #}
{% macro affected_dates(tables) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set rows = run_query(
        "select distinct business_date from " ~ source('build', 'affected')
        ~ " where table_name in ('" ~ tables | join("', '") ~ "') order by business_date"
    ) -%}
    {%- set found = [] -%}
    {%- for row in rows -%}{%- do found.append("date '" ~ row[0] ~ "'") -%}{%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# `column in (dates)`; no date means no row. #}
{% macro on_affected_dates(column, tables) -%}
    {%- set dates = affected_dates(tables) -%}
    {%- if dates -%}{{ column }} in ({{ dates | join(', ') }}){%- else -%}false{%- endif -%}
{%- endmacro %}

{# Keys of which any version ever delivered lies on an affected date: files no longer in force count too, because a
   re-export may drop a key. #}
{% macro affected_keys(table, key) -%}
select distinct {{ key | join(', ') }} from {{ source('raw', table) }} where {{ on_affected_dates('business_date', [table]) }}
{%- endmacro %}

{# The incremental models' scope: true when everything is built from nothing (first build, --full-refresh, and unit tests,
   which have no relation of their own). #}
{% macro is_rebuild() -%}
    {{ return(flags.FULL_REFRESH or not this or not is_incremental()) }}
{%- endmacro %}

{# Pre-hook of an incremental fact: the affected keys leave, the model then inserts their winners; one transaction. #}
{% macro delete_affected(table, key) -%}
    {%- if not is_rebuild() -%}
    delete from {{ this }} where ({{ key | join(', ') }}) in ({{ affected_keys(table, key) }})
    {%- endif -%}
{%- endmacro %}

{# The pipeline's clock: WAREHOUSE_NOW or the real one, handed over by transform.py with the connection. #}
{% macro pipeline_now() -%}
current_setting('warehouse.pipeline_now')::timestamptz
{%- endmacro %}

{# Pre-hook of a snapshot fact: the affected month ends leave and are inserted again; later rows never change them. #}
{% macro delete_affected_snapshots(tables) -%}
    {%- if not is_rebuild() -%}
    delete from {{ this }} where {{ on_affected_dates('snapshot_on', tables) }}
    {%- endif -%}
{%- endmacro %}
