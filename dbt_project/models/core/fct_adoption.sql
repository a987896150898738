{{ config(indexes=[{'columns': ['certificate_id'], 'unique': true}]) }}
-- One row per act of adoption registration. No link between adopter and adoptee leaves intermediate.
select
    act.certificate_id,
    act.act_type,
    act.registered_on,
    act.office_code,
    {{ office_county_code() }} as county_code,
    act.adoptee_kind,
    act.is_foreign,
    act.load_id,
    act.line
from {{ ref('int_adoption_registration_corrected') }} as act
{{ office_joins('act.office_code') }}
