-- one row as delivered: one source document about one death
select
    {{ lineage() }},
    delivered.death_notice_id,
    delivered.source_sys as source_system_code,
    delivered.death_cert_no as death_certificate_no,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.sex,
    delivered.birth_date as born_on,
    delivered.death_date as died_on,
    delivered.death_date_precision as died_on_precision,
    delivered.death_place_type,
    delivered.death_place_code,
    delivered.hukou_code,
    delivered.residence_code,
    delivered.death_cause,
    delivered.hukou_cancel_date as hukou_cancelled_on,
    delivered.ethnic as ethnic_code,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('death_notice') }}
