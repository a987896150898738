{# Where a delivered division code counts (exports.md, "Divisions"): county, a statistical unit, or null for "city, no county";
   and whether it is a known code of another city or province. Needs the joins of `division_joins`. #}
{% macro division_joins(code, prefix='') -%}
left join {{ ref('int_division_county') }} as {{ prefix }}township
    on {{ prefix }}township.code_prefix = left({{ code }}, 9)
left join {{ ref('int_division_county') }} as {{ prefix }}county
    on {{ prefix }}county.code_prefix = left({{ code }}, 6)
{%- endmacro %}

{# A township that has a row decides alone, also when its successor has no county here. #}
{% macro county_code(prefix='') -%}
case
        when {{ prefix }}township.code_prefix is not null then {{ prefix }}township.county_code
        else {{ prefix }}county.county_code
    end
{%- endmacro %}

{# Known code of another city or province: by the code it has become, else its prefecture is known and not Jiaozuo (4108). #}
{% macro is_elsewhere(code, prefix='') -%}
coalesce(
        {{ prefix }}township.is_elsewhere,
        {{ prefix }}county.is_elsewhere,
        left({{ code }}, 4) in (select code4 from {{ ref('prefecture') }}),
        false
    )
{%- endmacro %}

{# The county in which an office, station or institution sits: its code begins with the county's six digits (exports.md,
   "Values"); what follows is a serial number, never a township. #}
{% macro office_joins(code) -%}
left join {{ ref('division_county') }} as office_county
    on office_county.code6::text = left({{ code }}, 6)
{%- endmacro %}

{% macro office_county_code() -%}
office_county.code6::text
{%- endmacro %}
