{{ config(materialized='table') }}
-- Prefix of a division code (9 digits: township, 6: county) → statistical county. A township of the zone counts in
-- 410871 under its legal code too; a bare 410811 is Shanyang; 4108 without a county has no row. A code that became one
-- of another city has no county and is elsewhere.
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
    -- a code in force again under its own number keeps its own county
    where old_code not in (select again.successor_code from {{ ref('int_division_successor') }} as again)
),

found as (
    select
        county_code as code_prefix,
        county_code,
        false as is_elsewhere,
        2 as preference
    from county
    union all
    select
        code9 as code_prefix,
        county_code,
        false as is_elsewhere,
        2 as preference
    from township
    union all
    select
        case when successor.is_county_level then left(successor.old_code, 6) else left(successor.old_code, 9) end
            as code_prefix,
        coalesce(township.county_code, county.county_code) as county_code,
        coalesce(township.county_code, county.county_code) is null
        and left(successor.successor_code, 4) in (select code4 from {{ ref('prefecture') }}) as is_elsewhere,
        1 as preference
    from successor
    left join township on left(successor.successor_code, 9) = township.code9
    left join county on left(successor.successor_code, 6) = county.county_code
)

-- the history goes before the register, which may still hold a code that is out of force
select distinct on (code_prefix)
    code_prefix,
    county_code,
    is_elsewhere
from found
order by code_prefix asc, preference asc, county_code asc nulls last
