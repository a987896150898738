{{ newest_versions(ref('stg_marriage_registration'), ['certificate_id']) }}
