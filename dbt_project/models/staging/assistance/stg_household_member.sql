-- one row as delivered: one person in one household
select
    {{ lineage() }},
    delivered.person_id,
    delivered.household_id,
    delivered.relation as relation_to_head,
    delivered.id_type,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    case delivered.sex when '0' then '1' when '1' then '2' end as sex,  -- this export alone sends 0 male, 1 female
    delivered.birth_date as born_on,
    delivered.covered_flag = '1' as is_covered,
    delivered.health_code,
    delivered.disability_type,
    delivered.disability_grade,
    delivered.person_status,
    delivered.status_date as status_on,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('household_member') }}
