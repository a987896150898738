{{ newest_versions(ref('stg_death_notice'), ['death_notice_id', 'source_system_code']) }}
