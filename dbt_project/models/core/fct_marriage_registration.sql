{{ config(indexes=[{'columns': ['certificate_id'], 'unique': true}]) }}
-- One row per act of marriage registration, by the place of registration
select
    act.certificate_id,
    act.act_type,
    act.registered_on,
    act.office_code,
    {{ office_county_code() }} as county_code,
    act.husband_person_key,
    act.wife_person_key,
    act.is_cross_province,
    act.divorce_applied_on,
    act.cooling_off_ends_on,
    act.original_certificate_id,
    act.is_approved,
    act.load_id,
    act.line
from {{ ref('int_marriage_registration_corrected') }} as act
{{ office_joins('act.office_code') }}
