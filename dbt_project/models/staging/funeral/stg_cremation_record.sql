-- one row as delivered: one cremation
select
    {{ lineage() }},
    delivered.cremation_id,
    delivered.dead_id,
    delivered.cremation_type,
    delivered.start_time as started_at,
    delivered.end_time as ended_at,
    delivered.status as cremation_status,
    delivered.fee_due as fee_due_yuan,
    delivered.fee_waived as fee_waived_yuan,
    delivered.fee_paid as fee_paid_yuan,
    delivered.org_code as funeral_home_code,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('cremation_record') }}
