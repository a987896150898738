-- one row as delivered: one child x status period in the month's snapshot
select
    {{ lineage() }},
    delivered.child_id,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.birth_date as born_on,
    delivered.child_kind,
    delivered.begin_date as began_on,
    delivered.end_date as ends_on,
    delivered.end_reason,
    delivered.org_code as care_institution_code,
    delivered.standard_amt as standard_yuan,
    delivered.offset_amt as offset_yuan,
    delivered.in_school = '1' as is_in_school,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('child_welfare') }}
