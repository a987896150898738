{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected('household_register', ['household_id']) }}",
    indexes=[{'columns': ['household_id'], 'unique': true}],
) }}
-- One row per household: its newest register row, over all its kinds of assistance
with register as (
    {{ newest_versions(
        ref('stg_household_register'), ['household_id', 'assist_type'],
        where=none if is_rebuild() else 'household_id in (' ~ affected_keys('household_register', ['household_id']) ~ ')'
    ) }}
),

household as (
    select distinct on (household_id) * from register
    order by
        household_id asc, source_updated_at desc nulls last, business_date desc, nn desc, line desc, assist_type asc
)

select
    household.household_id,
    household.head_person_key,
    household.domicile_code,
    {{ county_code('domicile_') }} as domicile_county_code,
    household.residence_code,
    {{ county_code('residence_') }} as residence_county_code,
    household.family_size::integer as family_size,
    household.source_updated_at as updated_at,
    household.load_id,
    household.line
from household
{{ division_joins('household.domicile_code', 'domicile_') }}
{{ division_joins('household.residence_code', 'residence_') }}
