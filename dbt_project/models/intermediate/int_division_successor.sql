-- Each code out of force → the code it has become, over any number of changes. A mere change of name is none.
with recursive step as (
    select distinct on (old_code)
        old_code,
        new_code
    from {{ ref('int_division_change_known') }}
    where old_code <> new_code and old_code is not null and new_code is not null
    order by old_code asc, coalesce(effective_from, legal_from) desc nulls last, change_id desc
),

chain as (
    select
        old_code,
        new_code,
        1 as length
    from step
    union all
    select
        chain.old_code,
        step.new_code,
        chain.length + 1 as length
    from chain
    inner join step on chain.new_code = step.old_code
    where chain.length < 10  -- a circle in the history ends here and fails the test of this model
)

select distinct on (old_code)
    old_code,
    new_code as successor_code,
    length
from chain
order by old_code asc, length desc
