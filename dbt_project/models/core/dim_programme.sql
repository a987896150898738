{{ config(indexes=[{'columns': ['programme_code'], 'unique': true}]) }}
-- Programmes of assistance. Temporary aid (LS) has a table of its own and stands in no code list.
select
    programme.programme_code::text as programme_code,
    coalesce(code_list.label_zh, '临时救助')::text as name_zh,
    programme.name_en::text as name_en,
    programme.programme_group::text as programme_group,
    programme.position::integer as position
from {{ ref('programme') }} as programme
left join {{ ref('code_lists') }} as code_list
    on code_list.list = 'PROGRAMME' and programme.programme_code = code_list.code
