-- Is what an indicator is counted from complete for a period? value: all that was owed is in force; not_due: it may yet
-- come; missing: it did not come in time, or deliveries began after the period.
with owed_table as (
    -- a table that comes only on an event is complete when its system's daily tables are
    select distinct
        indicator.indicator,
        indicator.measured,
        coalesce(daily.table_name, contract.table_name) as table_name,
        coalesce(daily.due_time, contract.due_time) + coalesce(daily.late_after, contract.late_after) as late_after
    from {{ ref('indicator_catalogue') }} as indicator
    cross join lateral string_to_table(indicator.source_tables, ' ') as source_table (table_name)
    inner join {{ source('audit', 'contract') }} as contract on source_table.table_name = contract.table_name
    left join {{ source('audit', 'contract') }} as daily
        on contract.due = 'on_event' and contract.system = daily.system and daily.due = 'daily'
),

judged as (
    select
        owed_table.indicator,
        owed_table.measured,
        period.grain,
        period.period,
        period.period_start,
        period.period_end,
        period.first_business_date,
        period.last_business_date,
        max((period.period_end + 1 + owed_table.late_after) at time zone 'Asia/Shanghai') as late_at,
        bool_or(gap.has_gap) as has_gap
    from owed_table
    cross join {{ ref('int_period') }} as period
    cross join
        lateral (
            select exists(
                select from {{ source('build', 'delivery_calendar') }} as calendar
                where
                    calendar.table_name = owed_table.table_name
                    and calendar.state <> 'loaded'
                    and calendar.business_date <= period.period_end
                    and calendar.business_date
                    >= case owed_table.measured when 'at_period_end' then period.period_end else period.period_start end
            ) as has_gap
        ) as gap
    group by 1, 2, 3, 4, 5, 6, 7, 8
)

select
    indicator,
    grain,
    period,
    period_start,
    period_end,
    case
        when period_end >= ({{ pipeline_now() }} at time zone 'Asia/Shanghai')::date then 'not_due'
        when measured = 'over_period' and period_start < first_business_date then 'missing'
        when period_end <= last_business_date and not has_gap then 'value'
        when late_at > {{ pipeline_now() }} then 'not_due'
        else 'missing'
    end as state
from judged
