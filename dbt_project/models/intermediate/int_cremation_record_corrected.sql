{{ newest_versions(ref('stg_cremation_record'), ['cremation_id']) }}
