-- one row as delivered: one facility x year in the month's snapshot
select
    {{ lineage() }},
    delivered.facility_code,
    delivered.year as register_year,
    delivered.facility_type,
    coalesce(delivered.township_demo_flag = '1', false) as is_township_demonstration,
    delivered.name as facility_name,
    delivered.division_code,
    delivered.status as facility_status,
    delivered.approval_date as approved_on,
    delivered.built_date as built_on,
    delivered.planned_flag = '1' as is_planned,
    delivered.plots_planned,
    delivered.plots_used,
    delivered.inspection,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('facility_register') }}
