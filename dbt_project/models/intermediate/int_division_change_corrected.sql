-- this export has neither stamp nor voiding: the newest delivery of a change item wins
{{ newest_versions(ref('stg_division_change'), ['change_id'], stamp=none, voidable=false) }}
