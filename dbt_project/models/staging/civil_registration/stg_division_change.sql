-- one row as delivered: one change item; this export has no stamp and no voiding
select
    {{ lineage() }},
    delivered.change_id,
    delivered.change_type,
    rpad(delivered.pre_code, 12, '0') as old_code,
    delivered.pre_name as old_name,
    rpad(delivered.post_code, 12, '0') as new_code,
    delivered.post_name as new_name,
    rpad(delivered.post_parent_code, 12, '0') as new_parent_code,
    delivered.approval_doc as approval_document,
    delivered.approval_date as approved_on,
    delivered.effective_date as effective_on
{{ rows_in_force('division_change') }}
