{{ config(materialized='table') }}
-- Months of payment whose sums the running build must make again: those of every version ever delivered of the lines
-- that changed, so the month a line has left is among them. Read from raw, not from what a killed build may have left.
{% if flags.FULL_REFRESH -%}
select distinct date_trunc('month', paid_on)::date as paid_month
from {{ ref('fct_payment') }}
{%- else -%}
select distinct date_trunc('month', pay_date)::date as paid_month
from {{ source('raw', 'payment_detail') }}
where payment_id in ({{ affected_keys('payment_detail', ['payment_id']) }})
{%- endif %}
