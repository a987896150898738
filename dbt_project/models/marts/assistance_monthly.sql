{{ config(indexes=[{'columns': ['period', 'programme_code', 'division_code'], 'unique': true}]) }}
-- Assistance by month of payment, programme and division; the city holds all, also what has no county
with total as (
    select
        programme_month.paid_month,
        programme_month.programme_code,
        place.division_code,
        sum(programme_month.person_times)::bigint as person_times,
        sum(programme_month.amount_yuan) as amount_yuan,
        sum(programme_month.payment_lines)::bigint as payment_lines
    from {{ ref('int_programme_month') }} as programme_month
    cross join lateral (values (programme_month.county_code), ('410800')) as place (division_code)
    where place.division_code is not null
    group by 1, 2, 3
),

person as (
    select
        period_start as paid_month,
        persons_of as programme_code,
        division_code,
        persons
    from {{ ref('int_payment_person_count') }}
    where grain = 'month'
    union all
    select
        date_trunc('month', aid.paid_on)::date as paid_month,
        'LS' as programme_code,
        place.division_code,
        count(distinct aid.payee_key) as persons
    from {{ ref('fct_temporary_aid') }} as aid
    cross join lateral (values (aid.county_code), ('410800')) as place (division_code)
    where aid.paid_on is not null and place.division_code is not null
    group by 1, 2, 3
)

select
    period.period,
    period.period_start,
    programme.programme_code,
    division.division_code,
    coalesce(total.person_times, 0)::bigint as person_times,
    coalesce(total.amount_yuan, 0)::numeric as amount_yuan,
    coalesce(total.payment_lines, 0)::bigint as payment_lines,
    coalesce(person.persons, 0)::bigint as persons
from {{ ref('int_period') }} as period
cross join {{ ref('dim_programme') }} as programme
cross join {{ ref('division') }} as division
left join total
    on
        period.period_start = total.paid_month
        and programme.programme_code = total.programme_code
        and division.division_code = total.division_code
left join person
    on
        period.period_start = person.paid_month
        and programme.programme_code = person.programme_code
        and division.division_code = person.division_code
where period.grain = 'month'
