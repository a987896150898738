-- Numerator and denominator of every indicator in every cell of the grid: where nothing was counted is a true zero
with total as (
    select
        component.indicator,
        cell.grain,
        cell.period_start,
        cell.division_code,
        sum(cell.amount) filter (where component.part = 'numerator') as numerator,
        sum(cell.amount) filter (where component.part = 'denominator') as denominator
    from {{ ref('indicator_component') }} as component
    inner join {{ ref('int_measure_cell') }} as cell on component.measure = cell.measure
    group by 1, 2, 3, 4
)

select
    state.indicator,
    state.grain,
    state.period,
    state.period_start,
    state.period_end,
    division.division_code,
    indicator.basis,
    indicator.unit,
    state.state,
    coalesce(total.numerator, 0) as numerator,
    case indicator.basis when 'ratio' then coalesce(total.denominator, 0) end as denominator
from {{ ref('int_indicator_state') }} as state
inner join {{ ref('indicator_catalogue') }} as indicator on state.indicator = indicator.indicator
cross join {{ ref('division') }} as division
left join total
    on
        state.indicator = total.indicator
        and state.grain = total.grain
        and state.period_start = total.period_start
        and division.division_code = total.division_code
where indicator.basis not in ('rank', 'difference')
