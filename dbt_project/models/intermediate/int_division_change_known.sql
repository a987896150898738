-- The history of divisions: what the seed knows beforehand and what was delivered; one row per old × new code and name.
-- A delivered change rules over the seed's; the seed's legal date fills an empty one.
with known as (
    select
        change_id,
        change_type,
        rpad(old_code9::text, 12, '0') as old_code,
        old_name,
        rpad(new_code9::text, 12, '0') as new_code,
        new_name,
        legal_date as legal_from,
        null::date as effective_from,
        null::date as known_from,
        document,
        2 as precedence
    from {{ ref('division_change') }}
    union all
    select
        change_id,
        change_type,
        old_code,
        old_name,
        new_code,
        new_name,
        approved_on as legal_from,
        effective_on as effective_from,
        business_date as known_from,
        approval_document as document,
        1 as precedence
    from {{ ref('int_division_change_corrected') }}
)

select distinct on (old_code, old_name, new_code, new_name)
    change_id,
    change_type,
    old_code,
    old_name,
    new_code,
    new_name,
    coalesce(
        legal_from, max(legal_from) over (partition by old_code, old_name, new_code, new_name)
    ) as legal_from,
    effective_from,
    known_from,
    document
from known
order by old_code asc, old_name asc, new_code asc, new_name asc, precedence asc, known_from desc, change_id asc
