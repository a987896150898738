{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_months() }}",
) }}
-- depends_on: {{ ref('int_payment_affected_month') }} (dbt does not see a ref that only an incremental run reaches)
-- What the bank paid, by month of payment, programme and county (null: city, no county). Cash view.
select
    date_trunc('month', paid_on)::date as paid_month,
    programme_code,
    county_code,
    sum(person_times)::bigint as person_times,
    sum(amount_yuan) as amount_yuan,
    count(*) as payment_lines
from {{ ref('fct_payment') }}
where
    is_paid
    {% if not is_rebuild() %}
    and {{ in_affected_periods('paid_on', 'month') }}
    {% endif %}
group by 1, 2, 3
