-- one row as delivered: one decision on temporary aid
select
    {{ lineage() }},
    delivered.aid_id,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.hukou_code,
    delivered.local_flag = '1' as is_local,
    delivered.aid_type,
    delivered.cause,
    delivered.aid_mode,
    delivered.persons,
    delivered.amount as amount_yuan,
    delivered.accept_date as accepted_on,
    delivered.approve_date as approved_on,
    delivered.pay_date as paid_on,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('temporary_aid') }}
