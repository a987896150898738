{{ config(indexes=[{'columns': ['grain', 'period', 'division_code'], 'unique': true}]) }}
-- The 11 county-level units ranked by cremation rate
select
    rate.grain,
    rate.period,
    rate.period_start,
    rate.division_code,
    division.name_zh,
    division.name_en,
    rate.cremations::bigint as cremations,
    rate.deaths::bigint as deaths,
    rate.rate_percent,
    rate.rank,
    case when rate.change_state = 'value' then rate.previous_year_rate_percent end as previous_year_rate_percent,
    case when rate.change_state = 'value' then rate.change_points end as change_points,
    rate.shown_order,
    rate.state
from {{ ref('int_cremation_rate') }} as rate
inner join {{ ref('division') }} as division on rate.division_code = division.division_code
where not division.is_city
