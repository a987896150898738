-- Payments and temporary aid (LS, which has a table of its own) side by side: month of payment x programme x county
select
    paid_month,
    programme_code,
    county_code,
    person_times,
    amount_yuan,
    payment_lines
from {{ ref('int_payment_month') }}
union all
select
    date_trunc('month', paid_on)::date as paid_month,
    'LS' as programme_code,
    county_code,
    sum(persons)::bigint as person_times,
    sum(amount_yuan) as amount_yuan,
    count(*) as payment_lines
from {{ ref('fct_temporary_aid') }}
where paid_on is not null  -- it counts when it was paid; aid in kind counts with its amount
group by 1, 2, 3
