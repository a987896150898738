{{ newest_versions(ref('stg_adoption_registration'), ['certificate_id']) }}
