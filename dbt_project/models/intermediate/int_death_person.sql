-- F02: one death per valid ID over all notices ever delivered: lowest source, then earliest date, then notice id.
-- A notice without a valid ID is nobody's duplicate and counts by itself.
select distinct on (coalesce(person_key::text, death_notice_id || ' ' || source_system_code))
    *,
    -- precision M or Y is dated to the first day of the month or year
    case died_on_precision
        when 'M' then date_trunc('month', died_on)::date
        when 'Y' then date_trunc('year', died_on)::date
        else died_on
    end as counted_on
from {{ ref('int_death_notice_corrected') }}
order by
    coalesce(person_key::text, death_notice_id || ' ' || source_system_code),
    source_system_code, died_on, death_notice_id
