{{ config(indexes=[{'columns': ['death_notice_id', 'source_system_code'], 'unique': true}]) }}
-- One row per dead person
select
    death.death_notice_id,
    death.source_system_code,
    death.person_key,
    death.counted_on as died_on,
    death.died_on_precision,
    death.sex,
    death.born_on,
    death.hukou_code,
    {{ county_code() }} as county_code,
    {{ is_elsewhere('death.hukou_code') }} as is_elsewhere,
    death.load_id,
    death.line
from {{ ref('int_death_person') }} as death
{{ division_joins('death.hukou_code') }}
