{{ newest_versions(ref('stg_deceased_reception'), ['dead_id']) }}
