{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    indexes=[{'columns': ['person_key'], 'unique': true}],
) }}
-- One row per valid ID number ever delivered; what the number itself tells (GB 11643)
select
    person.person_key,
    extract(year from person.birth_date)::integer as birth_year,
    person.sex
from {{ source('raw', 'person') }} as person
{% if not is_rebuild() %}
where not exists (select from {{ this }} as known where person.person_key = known.person_key)
{% endif %}
