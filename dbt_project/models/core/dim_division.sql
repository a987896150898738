{{ config(indexes=[{'columns': ['division_key'], 'unique': true}]) }}
-- Divisions, one row per version (SCD2 by legal date). Two parents: the legal one, and the one that counts in
-- statistics (the zone 410871 is no legal division; it runs six townships of Shanyang 410811).
with change as (
    -- 021 is a statistical code, 022 without a legal date a corrected spelling: no legal event (dim_division_alias)
    select * from {{ ref('int_division_change_known') }}
    where
        old_code is not null
        and (change_type in ('023', '03') or (change_type in ('021', '022') and legal_from is not null))
),

unit as (
    select
        '410800000000' as division_code,
        '焦作市' as name_zh,
        'prefecture' as level,
        '地级市' as kind,
        '410000000000' as legal_parent_code,
        '410000000000' as statistical_parent_code,
        null as county_code,
        false as is_statistical_only,
        false as is_quasi_unit
    union all
    select
        code12::text,
        name_zh,
        'county',
        kind,
        rpad(legal_parent_code::text, 12, '0'),
        '410800000000',
        code6::text,
        statistical_only::text in ('yes', 'true'),
        false
    from {{ ref('division_county') }}
    union all
    select
        code12::text,
        name_zh,
        'township',
        kind,
        rpad(legal_county_code::text, 12, '0'),
        rpad(county_code::text, 12, '0'),
        county_code::text,
        false,
        quasi_unit::text in ('1', 'true')
    from {{ ref('division_township') }}
),

version as (
    select
        unit.division_code,
        coalesce(born.new_name, unit.name_zh) as name_zh,
        unit.level,
        unit.kind,
        unit.legal_parent_code,
        unit.statistical_parent_code,
        unit.county_code,
        unit.is_statistical_only,
        unit.is_quasi_unit,
        born.legal_from as valid_from,
        null::date as valid_to,
        born.effective_from,
        born.known_from,
        born.document,
        null as successor_code
    from unit
    left join (
        select distinct on (new_code) * from change
        order by new_code asc, legal_from desc nulls last, change_id asc
    ) as born on unit.division_code = born.new_code
    union all
    select
        change.old_code,
        change.old_name,
        'township',
        case
            when substr(change.old_code, 7, 3) between '001' and '099' then '街道'
            when substr(change.old_code, 7, 3) between '100' and '199' then '镇'
            when substr(change.old_code, 7, 3) between '200' and '399' then '乡'
        end,
        coalesce(unit.legal_parent_code, rpad(left(change.old_code, 6), 12, '0')),
        coalesce(unit.statistical_parent_code, rpad(left(change.old_code, 6), 12, '0')),
        coalesce(unit.county_code, left(change.old_code, 6)),
        false,
        false,
        null::date,
        change.legal_from,
        change.effective_from,
        change.known_from,
        change.document,
        coalesce(successor.successor_code, change.new_code)
    from change
    left join {{ ref('int_division_successor') }} as successor on change.old_code = successor.old_code
    left join unit on coalesce(successor.successor_code, change.new_code) = unit.division_code
    where
        not exists (
            select from unit as standing
            where standing.division_code = change.old_code
        )
        or change.old_code = change.new_code
)

select
    division_code || '.' || row_number() over (
        partition by division_code order by valid_to nulls last, valid_from nulls first, name_zh
    ) as division_key,
    division_code,
    name_zh::text as name_zh,
    level,
    kind::text as kind,
    legal_parent_code,
    statistical_parent_code,
    county_code,
    is_statistical_only,
    is_quasi_unit,
    valid_from,
    valid_to,
    effective_from,
    known_from,
    document::text as document,
    successor_code,
    successor_code is null as is_current
from version
