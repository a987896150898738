{{ config(indexes=[{'columns': ['dead_id'], 'unique': true}]) }}
-- One row per body cremated; the county is that of the reception, a body without one counts in the city alone
select
    cremation.cremation_id,
    cremation.dead_id,
    reception.person_key,
    cremation.started_at::date as cremated_on,
    cremation.started_at,
    reception.dead_id is not null as has_reception,
    reception.hukou_code,
    {{ county_code() }} as county_code,
    {{ is_elsewhere('reception.hukou_code') }} as is_elsewhere,
    cremation.funeral_home_code,
    cremation.fee_due_yuan,
    cremation.fee_waived_yuan,
    cremation.fee_paid_yuan,
    cremation.load_id,
    cremation.line
from {{ ref('int_cremation_body') }} as cremation
left join {{ ref('int_deceased_reception_corrected') }} as reception on cremation.dead_id = reception.dead_id
{{ division_joins('reception.hukou_code') }}
