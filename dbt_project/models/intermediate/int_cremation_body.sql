-- F01: one cremation per body: completed (status 2), of a deceased person (type 0), the earliest start.
select distinct on (dead_id) *
from {{ ref('int_cremation_record_corrected') }}
where cremation_type = '0' and cremation_status = '2'
order by dead_id, started_at, cremation_id
