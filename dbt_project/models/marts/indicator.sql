{{ config(indexes=[{'columns': ['indicator'], 'unique': true}]) }}
-- The catalogue of indicators: what each figure means
select
    indicator::text as indicator,
    name_zh::text as name_zh,
    name_en::text as name_en,
    definition::text as definition,
    unit::text as unit,
    basis::text as basis,
    finest_geography::text as finest_geography,
    decimals::integer as decimals,
    string_to_array(source_tables, ' ') as source_tables,
    position::integer as position
from {{ ref('indicator_catalogue') }}
