-- one row as delivered: one household x kind of assistance
select
    {{ lineage() }},
    delivered.household_id,
    delivered.assist_type,
    delivered.domicile_code,
    delivered.residence_code,
    {{ person_key('head_id_no') }} as head_person_key,
    delivered.family_size,
    delivered.covered_persons,
    delivered.income_pc_month as monthly_income_per_head_yuan,
    delivered.poverty_cause,
    delivered.begin_date as began_on,
    delivered.end_date as ends_on,
    delivered.household_status,
    delivered.last_recheck_date as rechecked_on,
    delivered.account_no_key as account_key,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('household_register') }}
