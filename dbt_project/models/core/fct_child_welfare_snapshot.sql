{{ config(indexes=[{'columns': ['snapshot_on', 'child_id', 'child_kind', 'began_on'], 'unique': true}]) }}
-- Children x status period in the register at a month's end; no amounts of a family, no reason of an end
with child as (
    {{ snapshot_rows(ref('stg_child_welfare'), ['child_id', 'child_kind', 'began_on']) }}
)

select
    child.business_date as snapshot_on,
    child.child_id,
    child.child_kind,
    child.began_on,
    child.ends_on,
    child.person_key,
    {{ office_county_code() }} as county_code,
    child.standard_yuan,
    child.is_in_school,
    child.load_id,
    child.line
from child
{{ office_joins('child.operating_org_code') }}
