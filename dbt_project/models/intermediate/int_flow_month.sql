-- What is counted by day and may be added up: measure x month x county (null: city, no county)
with event as (
    select
        'F01' as measure,
        cremated_on as happened_on,
        county_code,
        1 as amount
    from {{ ref('fct_cremation') }}
    where not is_elsewhere  -- not our residents: in no figure of F01 to F03
    union all
    select
        'F02',
        died_on,
        county_code,
        1
    from {{ ref('fct_death') }}
    where not is_elsewhere
    union all
    select
        'A13',
        entered_on,
        county_code,
        1
    from {{ ref('fct_rescue_episode') }}
    union all
    select
        measure,
        registered_on,
        county_code,
        1
    from {{ ref('fct_marriage_registration') }}
    cross join
        lateral (
            values
            ('C01', act_type = 'IA'),
            ('C02', act_type = 'IB'),
            ('C03', act_type = 'IA' and is_cross_province)
        ) as counted (measure, counts)
    where is_approved and counts
    union all
    select
        'C04',
        registered_on,
        county_code,
        1
    from {{ ref('fct_adoption') }}
    where act_type = '1'
    union all
    select
        'C05',
        change.effective_on,
        {{ county_code() }},
        1
    from {{ ref('int_division_change_corrected') }} as change
    {{ division_joins('change.new_code') }}
    where
        change.change_type = '023'
        -- township segment: 200 to 399 is a xiang, 100 to 199 a zhen
        and substr(change.old_code, 7, 3) between '200' and '399'
        and substr(change.new_code, 7, 3) between '100' and '199'
)

select
    measure,
    date_trunc('month', happened_on)::date as month_start,
    county_code,
    sum(amount)::numeric as amount
from event
group by 1, 2, 3
union all
select
    programme_measure.measure::text,
    programme_month.paid_month,
    programme_month.county_code,
    sum(
        case programme_measure.counted
            when 'person_times' then programme_month.person_times
            when 'amount_yuan' then programme_month.amount_yuan
        end
    ) as amount
from {{ ref('int_programme_month') }} as programme_month
inner join {{ ref('programme_measure') }} as programme_measure
    on programme_month.programme_code = programme_measure.programme_code
where programme_measure.counted in ('person_times', 'amount_yuan')
group by 1, 2, 3
