{{ config(indexes=[{'columns': ['episode_id'], 'unique': true}]) }}
-- One row per rescue episode, by the station's county
select
    episode.episode_id,
    episode.person_key,
    episode.station_code,
    {{ office_county_code() }} as county_code,
    episode.entered_at::date as entered_on,
    episode.entered_at,
    episode.left_at,
    episode.is_minor,
    episode.aid_mode,
    episode.out_to,
    episode.load_id,
    episode.line
from {{ ref('int_vagrant_rescue_corrected') }} as episode
{{ office_joins('episode.station_code') }}
