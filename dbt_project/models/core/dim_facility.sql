{{ config(indexes=[{'columns': ['facility_code'], 'unique': true}]) }}
-- One row per funeral facility: its newest register year in the newest snapshot that holds it
select distinct on (facility_code)
    facility_code,
    facility_type,
    is_township_demonstration,
    division_code,
    county_code,
    snapshot_on as last_snapshot_on,
    load_id,
    line
from {{ ref('fct_facility_snapshot') }}
order by facility_code asc, snapshot_on desc, register_year desc
