-- one row as delivered: one rescue episode
select
    {{ lineage() }},
    delivered.episode_id,
    delivered.station_code,
    delivered.in_time as entered_at,
    delivered.out_time as left_at,
    {{ person_key('id_no') }} as person_key,
    delivered.id_no_status as id_status,
    delivered.minor_flag = '1' as is_minor,
    delivered.aid_mode,
    delivered.hukou_code,
    delivered.out_to,
    delivered.valid_flag = '1' as is_valid,
    delivered.operating_org_code,
    delivered.source_updated_at
{{ rows_in_force('vagrant_rescue') }}
