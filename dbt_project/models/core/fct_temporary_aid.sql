{{ config(indexes=[{'columns': ['aid_id'], 'unique': true}]) }}
-- One row per decision on temporary aid
select
    aid.aid_id,
    aid.person_key,
    coalesce(aid.person_key, md5('aid ' || aid.aid_id)::uuid) as payee_key,
    aid.hukou_code,
    {{ county_code() }} as county_code,
    {{ is_elsewhere('aid.hukou_code') }} as is_elsewhere,
    aid.is_local,
    aid.aid_type,
    aid.cause,
    aid.aid_mode,
    aid.persons::integer as persons,
    aid.amount_yuan,
    aid.accepted_on,
    aid.approved_on,
    aid.paid_on,
    aid.load_id,
    aid.line
from {{ ref('int_temporary_aid_corrected') }} as aid
{{ division_joins('aid.hukou_code') }}
