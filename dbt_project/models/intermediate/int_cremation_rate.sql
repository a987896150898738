-- F03 with what is derived from it: rank among the county-level units (F04), change on the previous calendar year (F05)
with rate as (
    select
        grain,
        period,
        period_start,
        division_code,
        numerator as cremations,
        denominator as deaths,
        case when state = 'value' and denominator = 0 then 'not_defined' else state end as state,
        case when state = 'value' then 100 * numerator / nullif(denominator, 0) end as rate_percent
    from {{ ref('int_indicator_cell') }}
    where indicator = 'F03'
),

compared as (
    select
        rate.*,
        division.is_city,
        previous_year.rate_percent as previous_year_rate_percent,
        rate.rate_percent - previous_year.rate_percent as change_points,
        case
            when rate.state <> 'value' then rate.state
            else coalesce(previous_year.state, 'not_defined')
        end as change_state
    from rate
    inner join {{ ref('division') }} as division on rate.division_code = division.division_code
    left join rate as previous_year
        on
            previous_year.grain = 'year'
            and rate.division_code = previous_year.division_code
            and previous_year.period_start = (date_trunc('year', rate.period_start) - interval '1 year')::date
)

select
    *,
    -- competition rank (1, 1, 3) of the rounded rate; numeric round() is half away from zero, so half up
    case
        when state = 'value' and not is_city
            then rank() over (partition by grain, period_start, is_city order by round(rate_percent, 2) desc nulls last)
    end::integer as rank,
    case
        when not is_city
            then row_number() over (
                partition by grain, period_start, is_city
                order by
                    round(rate_percent, 2) desc nulls last,
                    previous_year_rate_percent desc nulls last,
                    division_code asc
            )
    end::integer as shown_order
from compared
