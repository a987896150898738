{# Where a delivered division code counts (exports.md, "Divisions"): county, a statistical unit, or null for "city, no county";
   and whether it is a known code of another city or province. Needs the joins of `division_joins`. #}
{% macro division_joins(code, prefix='') -%}
left join {{ ref('int_division_county') }} as {{ prefix }}township
    on {{ prefix }}township.code_prefix = left({{ code }}, 9)
left join {{ ref('int_division_county') }} as {{ prefix }}county
    on {{ prefix }}county.code_prefix = left({{ code }}, 6)
{%- endmacro %}

{% macro county_code(prefix='') -%}
coalesce({{ prefix }}township.county_code, {{ prefix }}county.county_code)
{%- endmacro %}

{# Known code of another city or province: prefecture known, and not Jiaozuo (4108). #}
{% macro is_elsewhere(code) -%}
coalesce(left({{ code }}, 4) in (select code4 from {{ ref('prefecture') }}), false)
{%- endmacro %}
