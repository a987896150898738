{{ config(indexes=[{'columns': ['indicator', 'grain', 'period', 'division_code'], 'unique': true}]) }}
-- Every indicator x period x division, unrounded, with what it is made of
with valued as (
    select
        indicator,
        grain,
        period,
        period_start,
        period_end,
        division_code,
        numerator,
        denominator,
        case when state = 'value' and denominator = 0 then 'not_defined' else state end as state,
        case
            when basis <> 'ratio' then numerator
            else case unit when '%' then 100 else 1 end * numerator / nullif(denominator, 0)
        end as value
    from {{ ref('int_indicator_cell') }}
),

derived as (
    select
        derived.indicator,
        rate.grain,
        rate.period,
        rate.period_start,
        rate.division_code,
        derived.state,
        derived.value
    from {{ ref('int_cremation_rate') }} as rate
    cross join lateral (
        values
        (
            'F04',
            case when rate.is_city and rate.state = 'value' then 'not_defined' else rate.state end,
            rate.rank::numeric
        ),
        ('F05', rate.change_state, rate.change_points)
    ) as derived (indicator, state, value)
)

select
    indicator,
    grain,
    period,
    period_start,
    period_end,
    division_code,
    numerator,
    denominator,
    case state when 'value' then value end as value,
    state
from valued
union all
select
    derived.indicator,
    derived.grain,
    derived.period,
    derived.period_start,
    period.period_end,
    derived.division_code,
    null as numerator,
    null as denominator,
    case derived.state when 'value' then derived.value end as value,
    derived.state
from derived
inner join {{ ref('int_period') }} as period
    on derived.grain = period.grain and derived.period_start = period.period_start
