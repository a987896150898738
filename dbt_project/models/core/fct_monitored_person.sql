{{ config(indexes=[{'columns': ['snapshot_on', 'person_id', 'category'], 'unique': true}]) }}
-- Persons x category on the monitoring list at a month's end
with monitored as (
    {{ snapshot_rows(ref('stg_low_income_monitor'), ['person_id', 'category']) }}
)

select
    monitored.business_date as snapshot_on,
    monitored.person_id,
    monitored.category,
    monitored.person_key,
    monitored.hukou_code,
    {{ county_code() }} as county_code,
    monitored.identified_on,
    monitored.exits_on,
    monitored.load_id,
    monitored.line
from monitored
{{ division_joins('monitored.hukou_code') }}
