-- Publications: frozen marts, one pointer, the gate's verdicts and the log of what went out, when and why.
-- Publishing is data, not DDL: readers never meet an empty or a mixed mart (docs/explanation/architecture.md, "Publish").

create table audit.publication (
    publication_id bigint generated always as identity primary key,
    build_id bigint not null unique references audit.build,
    created_at timestamptz not null default clock_timestamp(),
    state text not null default 'candidate'
        check (state in ('candidate', 'checked', 'blocked', 'published', 'superseded', 'rolled_back')),
    is_partial boolean not null,
    gaps jsonb not null,
    as_of jsonb not null,
    row_counts jsonb,
    checksum text,
    gate_result text not null default 'unchecked' check (gate_result in ('unchecked', 'passed', 'warning', 'blocked')),
    checked_at timestamptz,
    decided_at timestamptz,
    published_at timestamptz,
    dropped_at timestamptz,
    check ((checksum is null) = (row_counts is null)),
    check (state not in ('published', 'superseded', 'rolled_back') or published_at is not null)
);
comment on table audit.publication is 'One row per frozen build: candidate, then checked or blocked, then published';
comment on column audit.publication.gaps is
'What was owed and not in force: [{"system", "table", "business_date", "state", "late_at"}], oldest first';
comment on column audit.publication.as_of is
'{"system": "YYYY-MM-DD"}: the last business date up to which nothing of it is missing';
comment on column audit.publication.row_counts is '{"mart": rows} as frozen';
comment on column audit.publication.checksum is
'SHA-256 over the frozen rows of all marts (warehouse/publish.py); set once, at the end of the freeze';
comment on column audit.publication.decided_at is 'when it was published or blocked; null while it waits';
comment on column audit.publication.published_at is 'when it became current for the first time';
comment on column audit.publication.dropped_at is
'when retention removed its rows from store; the log and the verdicts stay';

create table audit.publication_log (
    entry_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    action text not null check (action in ('freeze', 'publish', 'block', 'roll_back', 'drop')),
    from_publication_id bigint references audit.publication,
    to_publication_id bigint references audit.publication,
    done_by text not null default session_user,
    reason text not null check (reason <> '')
);
comment on table audit.publication_log is
'Append only: what happened to publications, when, by whom and why; from = current before';

create table audit.validation_run (
    run_id bigint generated always as identity primary key,
    publication_id bigint not null references audit.publication,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    checksum text not null,
    suites_sha256 text not null,
    suites integer not null,
    results integer not null check (results > 0),
    result text not null check (result in ('passed', 'warning', 'blocked'))
);
comment on table audit.validation_run is
'One row per finished check of a publication; a killed check leaves none. results: verdicts it must have stored';
comment on column audit.validation_run.checksum is 'of the frozen rows, recomputed when the check began and ended';
comment on column audit.validation_run.suites_sha256 is 'SHA-256 over the files of expectations/ that were applied';

create table audit.validation_result (
    run_id bigint not null references audit.validation_run,
    rule_id text not null,
    publication_id bigint not null references audit.publication,
    suite text not null,
    layer text not null,
    table_name text not null,
    position integer not null,
    expectation_type text not null,
    column_name text,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    success boolean not null,
    status text not null check (status in ('passed', 'failed', 'error')),
    element_count bigint,
    unexpected_count bigint,
    observed numeric,
    wanted jsonb not null default '{}',
    why text not null,
    source text,
    problem text,
    waiver text,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (run_id, rule_id),
    check (success = (status = 'passed'))
);
comment on table audit.validation_result is 'The verdict of one expectation in one check. Counts only: never a cell';
comment on column audit.validation_result.rule_id is 'stable name of the rule: the expectation''s meta.id after its suite';
comment on column audit.validation_result.observed is 'the aggregate that was judged (a count, a sum, a maximum), if it is a number';
comment on column audit.validation_result.wanted is 'the expectation''s own parameters, as its file has them';
comment on column audit.validation_result.waiver is 'the waiver that let a broken critical rule pass; null when none';
create index validation_result_by_publication on audit.validation_result (publication_id, run_id);

create view audit.latest_validation_run as
select distinct on (publication_id) * from audit.validation_run order by publication_id, run_id desc;
comment on view audit.latest_validation_run is 'The check that decides: the newest finished one of each publication';

-- append only, for everybody
create function audit.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '%.% is append only: % is refused', tg_table_schema, tg_table_name, lower(tg_op);
end
$$;
create trigger append_only before update or delete or truncate on audit.publication_log
for each statement execute function audit.refuse_change();
create trigger append_only before update or delete or truncate on audit.validation_run
for each statement execute function audit.refuse_change();

-- what a publication was frozen from never changes
create function audit.keep_frozen() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (new.build_id, new.created_at, new.is_partial, new.gaps, new.as_of)
        is distinct from (old.build_id, old.created_at, old.is_partial, old.gaps, old.as_of)
        or (old.checksum is not null and (new.checksum, new.row_counts) is distinct from (old.checksum, old.row_counts))
    then
        raise exception 'publication % is frozen: only its state may change', old.publication_id;
    end if;
    return new;
end
$$;
create trigger keep_frozen before update on audit.publication for each row execute function audit.keep_frozen();

-- Frozen marts: the columns of dbt_project/models/marts, publication first. A changed column is a new mart, never an edit.
create table store.indicator (
    publication_id bigint not null references audit.publication,
    indicator text not null,
    name_zh text not null,
    name_en text not null,
    definition text not null,
    unit text not null,
    basis text not null,
    finest_geography text not null,
    decimals integer not null,
    source_tables text[] not null,
    position integer not null,
    primary key (publication_id, indicator)
);

create table store.division (
    publication_id bigint not null references audit.publication,
    division_code text not null,
    name_zh text not null,
    name_en text not null,
    kind text not null,
    is_city boolean not null,
    position integer not null,
    primary key (publication_id, division_code)
);

create table store.indicator_value (
    publication_id bigint not null references audit.publication,
    indicator text not null,
    grain text not null,
    period text not null,
    period_start date not null,
    period_end date not null,
    division_code text not null,
    numerator numeric,
    denominator numeric,
    value numeric,
    state text not null,
    primary key (publication_id, indicator, grain, period, division_code)
);

create table store.cremation_ranking (
    publication_id bigint not null references audit.publication,
    grain text not null,
    period text not null,
    period_start date not null,
    division_code text not null,
    name_zh text not null,
    name_en text not null,
    cremations bigint,
    deaths bigint,
    rate_percent numeric,
    rank integer,
    previous_year_rate_percent numeric,
    change_points numeric,
    shown_order integer,
    state text not null,
    primary key (publication_id, grain, period, division_code)
);

create table store.assistance_monthly (
    publication_id bigint not null references audit.publication,
    period text not null,
    period_start date not null,
    programme_code text not null,
    division_code text not null,
    person_times bigint,
    amount_yuan numeric,
    payment_lines bigint,
    persons bigint,
    primary key (publication_id, period, programme_code, division_code)
);

-- rows enter a mart only while their publication is being frozen, that is before it has its checksum
create function store.refuse_after_freeze() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from inserted inner join audit.publication using (publication_id) where checksum is not null
    ) then
        raise exception 'store.%: rows of a frozen publication cannot be added', tg_table_name;
    end if;
    return null;
end
$$;
revoke all on function store.refuse_after_freeze() from public;

do $$
declare
    mart text;
begin
    foreach mart in array array['indicator', 'division', 'indicator_value', 'cremation_ranking', 'assistance_monthly'] loop
        execute format(
            'create trigger frozen after insert on store.%I referencing new table as inserted'
            ' for each statement execute function store.refuse_after_freeze()', mart);
    end loop;
end
$$;

create table store.current (
    is_only boolean primary key default true check (is_only),
    seq bigint not null,
    publication_id bigint references audit.publication
);
comment on table store.current is 'The pointer: one row. seq counts the flips, so that a late publisher sees it was overtaken';
insert into store.current (seq, publication_id) values (0, null);

-- What readers see. security_barrier: no function of a reader's runs on rows that the view hides.
do $$
declare
    mart text;
    comment_text text;
begin
    for mart, comment_text in values
        ('indicator', '指标目录 · catalogue of indicators: names, definition, unit and decimals to show'),
        ('division', '市和县级单位 · the city and its 11 county-level units, in the order to show'),
        ('indicator_value',
            '指标值 · one row per indicator, grain, period and division; value is unrounded, % as percent, money in yuan'),
        ('cremation_ranking', '火化率排名 · one row per county-level unit and period; rates in percent, unrounded'),
        ('assistance_monthly',
            '按项目的月度救助 · one row per month, programme and division (410800 holds all); amounts in yuan')
    loop
        execute format(
            'create view mart.%1$I with (security_barrier) as select * from store.%1$I'
            ' where publication_id = (select publication_id from store.current)', mart);
        execute format('comment on view mart.%I is %L', mart, comment_text || ' (current publication)');
        execute format(
            'create view mart_history.%1$I with (security_barrier) as select frozen.* from store.%1$I as frozen'
            ' inner join audit.publication as publication using (publication_id)'
            ' where publication.published_at is not null', mart);
        execute format('comment on view mart_history.%I is %L', mart, comment_text || ' (every kept publication)');
    end loop;
end
$$;

create view mart.publication with (security_barrier) as
select
    publication.publication_id, publication.published_at, publication.state,
    publication.publication_id is not distinct from current.publication_id as is_current,
    publication.is_partial, publication.gaps, publication.as_of, publication.gate_result, publication.build_id,
    publication.checksum, publication.row_counts, publication.created_at, publication.checked_at,
    publication.decided_at, publication.dropped_at
from audit.publication as publication
cross join store.current as current
where publication.checksum is not null;
comment on view mart.publication is
'发布 · every publication: number, state, as-of dates, gaps and gate result; is_current marks the one that mart.* shows';

create view mart.publication_system with (security_barrier) as
select publication.publication_id, publication.is_current, system.key as system, system.value::date as as_of_date
from mart.publication as publication
cross join lateral jsonb_each_text(publication.as_of) as system;
comment on view mart.publication_system is
'各系统截至日期 · the last business date of each system up to which nothing is missing, per publication';

grant select on audit.publication, audit.publication_log, audit.validation_run, audit.validation_result,
audit.latest_validation_run to loader, builder, publisher, auditor;

grant select on all tables in schema store to builder, publisher;
grant insert on store.indicator, store.division, store.indicator_value, store.cremation_ranking,
store.assistance_monthly to builder;
grant delete on store.indicator, store.division, store.indicator_value, store.cremation_ranking,
store.assistance_monthly to publisher;
grant update (seq, publication_id) on store.current to publisher;

grant insert (build_id, is_partial, gaps, as_of), update (checksum, row_counts) on audit.publication to builder;
grant update (state, gate_result, checked_at, decided_at, published_at, dropped_at) on audit.publication to publisher;
grant insert (action, from_publication_id, to_publication_id, reason) on audit.publication_log to builder, publisher;
grant insert on audit.validation_run, audit.validation_result to publisher;

grant select on all tables in schema mart, mart_history to bi_reader, auditor, publisher, builder;
grant usage on schema mart, mart_history to builder;
