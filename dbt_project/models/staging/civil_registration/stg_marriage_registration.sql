-- one row as delivered: one registration act
select
    {{ lineage() }},
    delivered.cert_no as certificate_id,
    delivered.op_type as act_type,
    delivered.reg_date as registered_on,
    delivered.office_code,
    {{ person_key('id_no_m') }} as husband_person_key,
    delivered.id_no_m_status as husband_id_status,
    delivered.birth_m as husband_born_on,
    delivered.hukou_code_m as husband_hukou_code,
    {{ person_key('id_no_f') }} as wife_person_key,
    delivered.id_no_f_status as wife_id_status,
    delivered.birth_f as wife_born_on,
    delivered.hukou_code_f as wife_hukou_code,
    delivered.cross_province_flag = '1' as is_cross_province,
    delivered.divorce_apply_date as divorce_applied_on,
    delivered.cooling_off_end as cooling_off_ends_on,
    delivered.orig_cert_no as original_certificate_id,
    delivered.check_code = '1' as is_approved,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('marriage_registration') }}
