{{ config(indexes=[{'columns': ['division_code'], 'unique': true}]) }}
-- The divisions figures are published for: the city and its 11 county-level units, in the order of their codes
select
    '410800' as division_code,
    '焦作市' as name_zh,
    'Jiaozuo City' as name_en,
    '地级市' as kind,
    true as is_city,
    0 as position
union all
select
    code6::text as division_code,
    name_zh::text as name_zh,
    name_en::text as name_en,
    kind::text as kind,
    false as is_city,
    (row_number() over (order by code6))::integer as position
from {{ ref('division_county') }}
