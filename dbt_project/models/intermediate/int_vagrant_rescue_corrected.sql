{{ newest_versions(ref('stg_vagrant_rescue'), ['episode_id']) }}
