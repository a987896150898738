-- Every measure in every cell where something was counted: measure x period x division
select
    flow.measure,
    period.grain,
    period.period_start,
    place.division_code,
    sum(flow.amount) as amount
from {{ ref('int_flow_month') }} as flow
inner join {{ ref('int_period') }} as period on flow.month_start between period.period_start and period.period_end
cross join lateral (values (flow.county_code), ('410800')) as place (division_code)
where place.division_code is not null
group by 1, 2, 3, 4
union all
select
    wanted.measure,
    counted.grain,
    counted.period_start,
    counted.division_code,
    counted.persons::numeric as amount
from {{ ref('int_payment_person_count') }} as counted
inner join (
    select distinct
        measure::text as measure,
        case when count(*) over (partition by measure) > 1 then measure else programme_code end::text as persons_of
    from {{ ref('programme_measure') }}
    where counted = 'persons'
) as wanted using (persons_of)
union all
select
    stock.measure,
    period.grain,
    period.period_start,
    stock.division_code,
    stock.amount
from {{ ref('int_stock_cell') }} as stock
inner join {{ ref('int_period') }} as period on stock.snapshot_on = period.period_end
