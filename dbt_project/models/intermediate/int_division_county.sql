{{ config(materialized='table') }}
-- Prefix of a division code (9 digits: township, 6: county) → statistical county. A township of the zone counts in
-- 410871 under its legal code too; a bare 410811 is Shanyang; 4108 without a county has no row.
with county as (
    select code6::text as county_code from {{ ref('division_county') }}
),

township as (
    select
        code9::text as code9,
        county_code::text as county_code
    from {{ ref('division_township') }}
),

successor as (
    select
        trim(trailing '0' from substr(old_code, 7, 3)) = '' as is_county_level,
        old_code,
        successor_code
    from {{ ref('int_division_successor') }}
),

found as (
    select
        county_code as code_prefix,
        county_code
    from county
    union all
    select
        code9 as code_prefix,
        county_code
    from township
    union all
    select
        case when successor.is_county_level then left(successor.old_code, 6) else left(successor.old_code, 9) end
            as code_prefix,
        coalesce(township.county_code, county.county_code) as county_code
    from successor
    left join township on left(successor.successor_code, 9) = township.code9
    left join county on left(successor.successor_code, 6) = county.county_code
)

-- a code in force again under its own number keeps its own county
select
    code_prefix,
    min(county_code) as county_code
from found
where county_code is not null
group by code_prefix
