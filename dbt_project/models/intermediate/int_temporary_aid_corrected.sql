{{ newest_versions(ref('stg_temporary_aid'), ['aid_id']) }}
