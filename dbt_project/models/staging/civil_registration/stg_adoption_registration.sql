-- one row as delivered: one act of adoption
select
    {{ lineage() }},
    delivered.adopt_cert_no as certificate_id,
    delivered.op_type as act_type,
    delivered.reg_date as registered_on,
    delivered.office_code,
    {{ person_key('adopter_id_no') }} as adopter_person_key,
    {{ person_key('adopter_spouse_id_no') }} as adopter_spouse_person_key,
    {{ person_key('adoptee_id_no') }} as adoptee_person_key,
    delivered.adoptee_id_no_status as adoptee_id_status,
    delivered.adoptee_birth as adoptee_born_on,
    delivered.adoptee_kind,
    delivered.assessment_result,
    delivered.foreign_flag = '1' as is_foreign,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('adoption_registration') }}
