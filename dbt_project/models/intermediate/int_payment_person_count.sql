{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_person_counts() }}",
) }}
-- depends_on: {{ ref('int_payment_affected_month') }} (dbt does not see a ref that only an incremental run reaches)
-- Distinct payees whose net amount over the period is positive: counted anew in each cell, never added up.
-- persons_of: a programme, or the indicator that counts several programmes together (CJ1 and CJ2).
with counted_together as (
    select
        programme_code,
        case
            when count(*) over (partition by measure) > 1 then measure::text
            else programme_code::text
        end as persons_of
    from {{ ref('programme_measure') }}
    where counted = 'persons'
)

{%- for grain in ['month', 'quarter', 'year'] %}
{{ 'union all' if not loop.first }}
select
    '{{ grain }}' as grain,
    period_start,
    persons_of,
    division_code,
    count(*) as persons
from (
    select
        net.period_start,
        net.persons_of,
        place.division_code,
        net.payee_key
    from (
        select
            date_trunc('{{ grain }}', payment.paid_on)::date as period_start,
            wanted.persons_of,
            payment.county_code,
            payment.payee_key,
            sum(payment.amount_yuan) as amount_yuan
        from {{ ref('fct_payment') }} as payment
        inner join (
            select
                programme_code,
                persons_of
            from counted_together
            {% if grain == 'month' %}
            union
            select
                programme_code,
                programme_code as persons_of
            from {{ ref('programme') }}
            {% endif %}
        ) as wanted on payment.programme_code = wanted.programme_code
        where
            payment.is_paid
            {% if not is_rebuild() %}
            and {{ in_affected_periods('payment.paid_on', grain) }}
            {% endif %}
        group by 1, 2, 3, 4
    ) as net
    cross join lateral (values (net.county_code), ('410800')) as place (division_code)
    where place.division_code is not null
    group by 1, 2, 3, 4
    having sum(net.amount_yuan) > 0
) as payee
group by 1, 2, 3, 4
{%- endfor %}
