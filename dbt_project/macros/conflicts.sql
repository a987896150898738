{# Tables whose versions are told apart by source_updated_at alone, with their keys (contracts/<system>/<table>.yml). #}
{% macro corrected_tables() -%}
    {{ return({
        'marriage_registration': ['cert_no'],
        'adoption_registration': ['adopt_cert_no'],
        'death_notice': ['death_notice_id', 'source_sys'],
        'household_register': ['household_id', 'assist_type'],
        'household_member': ['person_id'],
        'payment_detail': ['payment_id'],
        'temporary_aid': ['aid_id'],
        'vagrant_rescue': ['episode_id'],
        'deceased_reception': ['dead_id'],
        'cremation_record': ['cremation_id'],
    }) }}
{%- endmacro %}

{# One key and stamp with more than one content, among the increments in force of one table. #}
{% macro conflicts_of(table, key) -%}
select
    '{{ table }}' as table_name,
    concat_ws(' ', {{ key | join(', ') }}) as business_key,
    source_updated_at,
    count(distinct content)::integer as contents,
    array_agg(distinct load_id order by load_id) as load_ids
from (
    select
        {% for column in key %}delivered.{{ column }},
        {% endfor %}delivered.source_updated_at,
        delivered.load_id,
        md5((to_jsonb(delivered) - array['load_id', 'line', 'business_date'])::text) as content
    from {{ source('raw', table) }} as delivered
    inner join {{ source('build', 'in_force') }} as in_force
        on delivered.load_id = in_force.load_id and in_force.mode = 'increment'
    -- content is compared only where a key came more than once
    where ({{ key | join(', ') }}) in (
        select {{ key | join(', ') }}
        from {{ source('raw', table) }}
        {%- if not is_rebuild() %}
        where ({{ key | join(', ') }}) in ({{ affected_keys(table, key) }})
        {%- endif %}
        group by {{ key | join(', ') }}
        having count(*) > 1
    )
) as version
group by {{ key | join(', ') }}, source_updated_at
having count(distinct content) > 1
{%- endmacro %}

{# Pre-hook: the conflicts of affected keys are looked for again. #}
{% macro delete_affected_conflicts() -%}
    {%- if not is_rebuild() -%}
    {%- for table, key in corrected_tables().items() %}
    delete from {{ this }}
    where table_name = '{{ table }}'
        and business_key in (
            select concat_ws(' ', {{ key | join(', ') }}) from ({{ affected_keys(table, key) }}) as affected
        );
    {%- endfor %}
    {%- endif -%}
{%- endmacro %}
