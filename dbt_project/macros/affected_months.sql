{# Sums of payments are made again by month of payment; quarter and year follow from the months they hold. #}

{# First days (as text) of the periods of a grain whose payments changed; int_payment_affected_month is built before. #}
{% macro affected_period_starts(grain) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set rows = run_query(
        "select distinct date_trunc('" ~ grain ~ "', paid_month)::date from " ~ ref('int_payment_affected_month') ~ " order by 1"
    ) -%}
    {%- set found = [] -%}
    {%- for row in rows -%}{%- do found.append(row[0] | string) -%}{%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# `column` lies in one of these periods, as ranges that an index on the column can serve. #}
{% macro in_affected_periods(column, grain) -%}
    {%- set starts = affected_period_starts(grain) -%}
    {%- if not starts -%}false{%- else -%}
    (
        {%- for start in starts %}
        {{ 'or ' if not loop.first }}(
            {{ column }} >= date '{{ start }}'
            and {{ column }} < (date '{{ start }}' + interval '{{ '3 months' if grain == 'quarter' else '1 ' ~ grain }}')::date
        )
        {%- endfor %}
    )
    {%- endif -%}
{%- endmacro %}

{# Pre-hook: the sums of affected months leave, in the transaction that makes them again. #}
{% macro delete_affected_months() -%}
    {%- if not is_rebuild() -%}
    delete from {{ this }} where paid_month in (select paid_month from {{ ref('int_payment_affected_month') }})
    {%- endif -%}
{%- endmacro %}

{# Pre-hook: the same for counts of persons, which are kept by grain. #}
{% macro delete_affected_person_counts() -%}
    {%- if not is_rebuild() -%}
    delete from {{ this }} where exists (
        select from {{ ref('int_payment_affected_month') }} as affected
        where date_trunc(grain, affected.paid_month)::date = period_start
    )
    {%- endif -%}
{%- endmacro %}
