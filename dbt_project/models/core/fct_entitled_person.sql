{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_snapshots(['household_register', 'household_member']) }}",
    indexes=[{'columns': ['snapshot_on', 'household_id', 'assist_type', 'person_id'], 'unique': true}],
) }}
-- Persons entitled at a month's end: covered members of a household whose assistance is in force (status 1)
with member as (
    {{ snapshot_rows(
        ref('stg_household_member'), ['person_id'],
        where="mode = 'snapshot'" ~ (
            '' if is_rebuild() else ' and ' ~ on_affected_dates('business_date', ['household_register', 'household_member'])
        )
    ) }}
)

select
    member.business_date as snapshot_on,
    member.household_id,
    household.assist_type,
    member.person_id,
    member.person_key,
    household.domicile_county_code,
    household.residence_county_code,
    member.relation_to_head,
    member.sex,
    extract(year from member.born_on)::integer as birth_year,
    member.disability_type,
    member.disability_grade,
    member.person_status,
    member.load_id,
    member.line
from member
inner join {{ ref('fct_household_snapshot') }} as household
    on member.business_date = household.snapshot_on and member.household_id = household.household_id
where
    member.is_covered
    and household.household_status = '1'
    {% if not is_rebuild() %}
    and {{ on_affected_dates('household.snapshot_on', ['household_register', 'household_member']) }}
    {% endif %}
