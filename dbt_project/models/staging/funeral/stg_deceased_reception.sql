-- one row as delivered: one body received
select
    {{ lineage() }},
    delivered.dead_id,
    delivered.nameless_flag = '1' as is_nameless,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.sex,
    delivered.birth_date as born_on,
    delivered.ethnic as ethnic_code,
    delivered.local_flag = '1' as is_local,
    delivered.hukou_code,
    delivered.death_date as died_on,
    delivered.death_cause,
    delivered.death_cert_no as death_certificate_no,
    delivered.receive_time as received_at,
    delivered.preferential_type,
    delivered.org_code as funeral_home_code,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('deceased_reception') }}
