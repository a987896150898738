-- one row as delivered: one person x category in the month's snapshot
select
    {{ lineage() }},
    delivered.person_id,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.hukou_code,
    delivered.category,
    delivered.identified_date as identified_on,
    delivered.alert_source,
    delivered.alert_date as alerted_on,
    delivered.disposal,
    delivered.disposal_date as disposed_on,
    delivered.exit_date as exits_on,
    delivered.exit_reason,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('low_income_monitor') }}
