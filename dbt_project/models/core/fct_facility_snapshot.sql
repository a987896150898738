{{ config(indexes=[{'columns': ['snapshot_on', 'facility_code', 'register_year'], 'unique': true}]) }}
-- Funeral facilities x year in the register at a month's end
with facility as (
    {{ snapshot_rows(ref('stg_facility_register'), ['facility_code', 'register_year']) }}
)

select
    facility.business_date as snapshot_on,
    facility.facility_code,
    facility.register_year,
    facility.facility_type,
    facility.is_township_demonstration,
    facility.facility_status,
    facility.is_planned,
    facility.division_code,
    {{ county_code() }} as county_code,
    facility.plots_planned,
    facility.plots_used,
    facility.load_id,
    facility.line
from facility
{{ division_joins('facility.division_code') }}
