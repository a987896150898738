{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected('payment_detail', ['payment_id']) }}",
    indexes=[{'columns': ['payment_id'], 'unique': true}, {'columns': ['paid_on']}],
) }}
-- One row per payment line in force. Person-times and the payee are worked out here once, for every figure.
with payment as (
    {{ newest_versions(
        ref('stg_payment_detail'), ['payment_id'],
        where=none if is_rebuild() else 'payment_id in (' ~ affected_keys('payment_detail', ['payment_id']) ~ ')'
    ) }}
)

select
    payment.payment_id,
    payment.programme_code,
    payment.beneficiary_id,
    payment.person_key,
    coalesce(payment.person_key, md5('beneficiary ' || payment.beneficiary_id)::uuid) as payee_key,
    payment.paid_on,
    payment.benefit_month,
    payment.month_count::integer as month_count,
    payment.pay_kind,
    payment.original_payment_id,
    payment.domicile_code,
    {{ county_code() }} as county_code,
    {{ is_elsewhere('payment.domicile_code') }} as is_elsewhere,
    payment.bank_status = '1' as is_paid,
    coalesce(payment.covered_persons, 1)::integer as covered_persons,
    case
        when payment.pay_kind in ('1', '2', '5') then 1
        when payment.pay_kind = '3' then -1
        else 0  -- kind 4 takes money back, not the person-time
    end * coalesce(payment.covered_persons, 1) * payment.month_count as person_times,
    payment.amount_yuan,
    payment.batch_no,
    payment.account_key,
    payment.load_id,
    payment.line
from payment
{{ division_joins('payment.domicile_code') }}
