-- Stocks at the end of a snapshot's day: measure x snapshot x division, the city counted by itself (a person in two
-- counties is one person of the city)
with counted as (
    select
        snapshot_on,
        measure,
        county_code,
        facility_code as counted_id
    from {{ ref('fct_facility_snapshot') }}
    cross join
        lateral (
            select
                facility_type = '02' as is_urban_welfare_cemetery,
                facility_type = '04' and is_township_demonstration as is_demonstration_cemetery,
                facility_status = '0' as is_built
        ) as kind
    cross join
        lateral (
            values
            ('F06', is_urban_welfare_cemetery and is_built),
            ('F07', is_demonstration_cemetery and is_built),
            ('F08_BUILT', (is_urban_welfare_cemetery or is_demonstration_cemetery) and is_planned and is_built),
            ('F08_PLANNED', (is_urban_welfare_cemetery or is_demonstration_cemetery) and is_planned)
        ) as stock (measure, counts)
    where counts and register_year = to_char(snapshot_on, 'YYYY')
    union all
    select
        snapshot_on,
        measure,
        county_code,
        person_id
    from {{ ref('fct_monitored_person') }}
    inner join (
        values ('A14', '03'), ('A15', '05'), ('A16', '06'), ('A17', '07')
    ) as stock (measure, category) using (category)
    where exits_on is null or exits_on > snapshot_on
    union all
    select
        snapshot_on,
        'A18',
        residence_county_code,
        household_id
    from {{ ref('fct_household_snapshot') }}
    where
        assist_type in ('01', '02', '03')
        and household_status = '1'
        and residence_county_code is not null
        -- an unknown domicile cannot be said to be another county; a known one of another city can
        and (residence_county_code <> domicile_county_code or is_domicile_elsewhere)
)

select
    snapshot_on,
    measure,
    division_code,
    count(distinct counted_id)::numeric as amount
from counted
cross join lateral (values (county_code), ('410800')) as place (division_code)
where division_code is not null
group by 1, 2, 3
