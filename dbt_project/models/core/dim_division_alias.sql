{{ config(indexes=[{'columns': ['alias_kind', 'alias', 'division_code', 'name_zh'], 'unique': true}]) }}
-- Other codes and spellings of a division that are no versions of it: statistical codes (021), corrected spellings
select distinct
    new_code as division_code,
    new_name as name_zh,
    case when coalesce(old_code, '') <> coalesce(new_code, '') then 'code' else 'name' end as alias_kind,
    case when coalesce(old_code, '') <> coalesce(new_code, '') then old_code else old_name end as alias
from {{ ref('int_division_change_known') }}
where
    (change_type in ('021', '022') and legal_from is null)
    or change_type = '-'
