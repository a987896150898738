-- Months, quarters and years from the first to the newest business date of the delivery calendar
with span as (
    select
        min(business_date) as first_business_date,
        max(business_date) as last_business_date
    from {{ source('build', 'delivery_calendar') }}
),

grain as (
    select
        name,
        length
    from (
        values ('month', interval '1 month'), ('quarter', interval '3 months'), ('year', interval '1 year')
    ) as grain (name, length)
)

select
    grain.name as grain,
    case grain.name
        when 'month' then to_char(period.starts_at, 'YYYY-MM')
        when 'quarter' then to_char(period.starts_at, 'YYYY"Q"Q')
        else to_char(period.starts_at, 'YYYY')
    end as period,
    period.starts_at::date as period_start,
    (period.starts_at + grain.length)::date - 1 as period_end,
    span.first_business_date,
    span.last_business_date
from span
cross join grain
cross join lateral generate_series(
    date_trunc(grain.name, span.first_business_date::timestamp), span.last_business_date::timestamp, grain.length
) as period (starts_at)
