{{ config(indexes=[{'columns': ['date_day'], 'unique': true}]) }}
-- Days from 1900 (no event may lie before: 1900-01-01 is a known null date of the senders) to the year after the newest
-- business date
select
    day::date as date_day,
    extract(year from day)::integer as calendar_year,
    extract(quarter from day)::integer as calendar_quarter,
    extract(month from day)::integer as calendar_month,
    extract(isodow from day)::integer as iso_weekday,
    to_char(day, 'YYYY-MM') as month_period,
    to_char(day, 'YYYY"Q"Q') as quarter_period,
    to_char(day, 'YYYY') as year_period,
    day = date_trunc('month', day) + interval '1 month' - interval '1 day' as is_month_end
from generate_series(
    timestamp '1900-01-01',
    (
        select date_trunc('year', max(business_date)) + interval '2 years' - interval '1 day'
        from {{ source('build', 'delivery_calendar') }}
    ),
    interval '1 day'
) as days (day)
