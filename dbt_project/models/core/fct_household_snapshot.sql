{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_snapshots(['household_register']) }}",
    indexes=[{'columns': ['snapshot_on', 'household_id', 'assist_type'], 'unique': true}],
) }}
-- Households x kind of assistance at a month's end: that business date's snapshot alone, which later rows never change
with household as (
    {{ snapshot_rows(
        ref('stg_household_register'), ['household_id', 'assist_type'],
        where="mode = 'snapshot'" ~ ('' if is_rebuild() else ' and ' ~ on_affected_dates('business_date', ['household_register']))
    ) }}
)

select
    household.business_date as snapshot_on,
    household.household_id,
    household.assist_type,
    household.household_status,
    household.domicile_code,
    {{ county_code('domicile_') }} as domicile_county_code,
    {{ is_elsewhere('household.domicile_code', 'domicile_') }} as is_domicile_elsewhere,
    household.residence_code,
    {{ county_code('residence_') }} as residence_county_code,
    household.family_size::integer as family_size,
    household.covered_persons::integer as covered_persons,
    household.began_on,
    household.ends_on,
    household.load_id,
    household.line
from household
{{ division_joins('household.domicile_code', 'domicile_') }}
{{ division_joins('household.residence_code', 'residence_') }}
