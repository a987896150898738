{# Among versions of one key the newest source_updated_at wins; equal or no stamp: the higher (business date, NN); in one
   file the later line. Only then a voided winner leaves, so an older row does not come back (exports.md, "Keys,
   corrections, deletions"). `where` restricts the versions, for incremental models: by key, never by anything else. #}
{% macro newest_versions(relation, key, where=none, stamp='source_updated_at', voidable=true) -%}
select newest.*
from (
    select distinct on ({{ key | join(', ') }}) *
    from {{ relation }}
    {%- if where %}
    where {{ where }}
    {%- endif %}
    order by {{ key | join(', ') }}, {{ stamp ~ ' desc nulls last, ' if stamp }}business_date desc, nn desc, line desc
) as newest
{%- if voidable %}
where newest.is_valid
{%- endif %}
{%- endmacro %}

{# The snapshot of each business date by itself: in one snapshot the same order decides (a retry of quarantined rows is a
   second file of one snapshot). #}
{% macro snapshot_rows(relation, key, where=none) -%}
    {{ newest_versions(relation, ['business_date'] + key, where=where) }}
{%- endmacro %}
