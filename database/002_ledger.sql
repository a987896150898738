-- The ledger: what arrived, what became of it, and what every build has taken in. It decides what is new.

create table audit.contract (
    table_name text primary key,
    system text not null,
    version integer not null,
    sha256 text not null,
    due text not null,
    due_time time not null,
    late_after interval not null,
    may_publish_without boolean not null
);
create table audit.setting (
    only_row boolean primary key default true check (only_row),
    first_business_date date,
    key_ids jsonb
);
comment on column audit.setting.key_ids is
'{"identity.key": public name of the key, ...}: keys that differ would give persons other tokens, so they are refused';
comment on table audit.setting is 'Settings the delivery calendar needs; first_business_date null: the earliest delivered one';
insert into audit.setting default values;

comment on table audit.contract is 'The contracts in use, as registered by the last init or load';

create table audit.delivery (
    delivery_id bigint generated always as identity primary key,
    system text not null,
    business_date date not null,
    nn smallint not null check (nn between 1 and 99),
    manifest_sha256 text not null,
    arrived_at timestamptz not null,
    loaded_at timestamptz not null default clock_timestamp(),
    problem text,
    unique (system, business_date, nn)
);
comment on table audit.delivery is 'One row per delivery folder that was loaded: system x business date x NN';
comment on column audit.delivery.problem is 'why the delivery as a whole could not be read; null when it could';

create table audit.file (
    load_id bigint generated always as identity primary key,
    delivery_id bigint not null references audit.delivery,
    system text not null,
    table_name text not null,
    business_date date not null,
    nn smallint not null,
    path text not null,
    sha256 text not null,
    size_bytes bigint not null,
    modified_ns bigint not null,
    mode text not null check (mode in ('increment', 'snapshot')),
    period_start date,
    period_end date,
    exported_at timestamptz,
    manifest_row_count bigint not null,
    manifest_amount_sum numeric(18, 2),
    rows_read bigint not null default 0,
    rows_loaded bigint not null default 0,
    rows_repeated bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_flagged bigint not null default 0,
    amount_sum numeric(18, 2),
    encoding text,
    contract_version integer,
    contract_sha256 text,
    unknown_headers text[] not null default '{}',
    state text not null check (state in ('loaded', 'rejected', 'no_contract')),
    rejection_reason text,
    rejection_message text,
    retry_of bigint references audit.file,
    loaded_at timestamptz not null default clock_timestamp(),
    check (state <> 'loaded' or retry_of is not null or rows_read = rows_loaded + rows_repeated + rows_quarantined),
    check ((state = 'rejected') = (rejection_reason is not null))
);
comment on table audit.file is
'One row per judged file of a delivery; load_id stands in every raw row. A retry of quarantined rows is a row of its own (retry_of)';
create unique index file_once on audit.file (path, sha256, state) where retry_of is null;
create index file_by_table_and_date on audit.file (table_name, business_date, nn);

create table audit.quarantined_row (
    load_id bigint not null references audit.file,
    line integer not null,
    column_name text not null,
    reason text not null,
    wanted text not null,
    business_key text,
    contract_version integer not null,
    judged_at timestamptz not null default clock_timestamp(),
    released_by bigint references audit.file,
    primary key (load_id, line, column_name)
);
comment on table audit.quarantined_row is
'Why a row is in no figure; one row per broken column. The row itself stands in the archived file at this line. No cell in clear';
comment on column audit.quarantined_row.released_by is 'load_id of the retry that let the row in after its contract changed';

create table audit.flagged_cell (
    load_id bigint not null references audit.file,
    line integer not null,
    column_name text not null,
    reason text not null,
    primary key (load_id, line, column_name, reason)
);
comment on table audit.flagged_cell is 'A row that counts, with a cell that is doubtful: kept and flagged';

create table audit.repeated_row (
    load_id bigint not null references audit.file,
    line integer not null,
    first_line integer not null,
    primary key (load_id, line)
);
comment on table audit.repeated_row is 'An exact copy of an earlier line of the same file; counts once';

create table audit.load_range (
    range_id bigint generated always as identity primary key,
    systems text[] not null,
    first_business_date date,
    last_business_date date,
    opened_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz
);
comment on table audit.load_range is
'A running load. Open while its loader holds the session advisory lock (4108, range_id): a killed loader closes it';

create table audit.build (
    build_id bigint generated always as identity primary key,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    full_refresh boolean not null,
    code_commit text,
    lock_sha256 text,
    problem text
);
comment on table audit.build is 'One row per run of dbt; finished_at is null when it failed or was killed';

create table audit.change (
    change_id bigint generated always as identity primary key,
    load_id bigint not null references audit.file,
    table_name text not null,
    business_date date not null,
    build_id bigint references audit.build
);
comment on table audit.change is 'What a load changed and the first finished build that took it in (null: pending)';
create index change_pending on audit.change (table_name, business_date) where build_id is null;

create table build.in_force (
    load_id bigint primary key,
    table_name text not null,
    business_date date not null,
    nn smallint not null,
    mode text not null
);
comment on table build.in_force is 'The files the running build may see; staging joins it, so that one build sees one state';

create table build.affected (
    table_name text not null,
    business_date date not null,
    primary key (table_name, business_date)
);
comment on table build.affected is 'Table x business date whose rows in force changed since the last finished build';

-- for each table of a business date the highest NN that lists it; a retry goes with the file it retries
create view audit.in_force as
with highest as (
    select distinct on (table_name, business_date) table_name, business_date, nn, load_id, state
    from audit.file
    where retry_of is null and state = 'loaded'
    order by table_name, business_date, nn desc, load_id desc
)
select file.load_id, file.table_name, file.system, file.business_date, file.nn, file.mode
from audit.file as file
inner join highest on coalesce(file.retry_of, file.load_id) = highest.load_id
where file.state = 'loaded';
comment on view audit.in_force is
'Loaded files that count. A rejected re-export leaves the lower NN in force and the day incomplete';

-- every table x business date that is owed, from the first business date to the newest that any system delivered
create view audit.delivery_calendar as
with span as (
    select coalesce((select first_business_date from audit.setting), min(business_date)) as first_day,
        max(business_date) as last_day
    from audit.delivery
),
days as (
    select day::date as business_date from span, generate_series(first_day, last_day, interval '1 day') as day
),
owed as (
    select contract.system, contract.table_name, days.business_date, contract.may_publish_without,
        (days.business_date + 1 + contract.due_time) at time zone 'Asia/Shanghai' as due_at,
        (days.business_date + 1 + contract.due_time + contract.late_after) at time zone 'Asia/Shanghai' as late_at
    from days
    cross join audit.contract as contract
    where contract.due = 'daily'
        or (contract.due = 'month_end' and date_trunc('month', days.business_date + 1) = days.business_date + 1)
        or (contract.due = 'monthly_on_5th' and extract(day from days.business_date) = 5)
),
listed as (
    select distinct on (table_name, business_date) table_name, business_date, state, load_id
    from audit.file
    where retry_of is null and state <> 'no_contract'
    order by table_name, business_date, nn desc, (state = 'loaded') desc, load_id desc
)
select owed.system, owed.table_name, owed.business_date, owed.due_at, owed.late_at, owed.may_publish_without,
    coalesce(listed.state, 'missing') as state, listed.load_id
from owed
left join listed using (table_name, business_date);
comment on view audit.delivery_calendar is
'What was owed and what came of it: loaded, rejected (the newest export of that day cannot be trusted) or missing';

create view audit.system_as_of as
with span as (
    select coalesce((select first_business_date from audit.setting), min(business_date)) as first_day,
        max(business_date) as last_day
    from audit.delivery
),
first_gap as (
    select system, min(business_date) filter (where state <> 'loaded') as gap_day
    from audit.delivery_calendar group by system
)
select first_gap.system, coalesce(first_gap.gap_day - 1, span.last_day) as as_of_date,
    first_gap.gap_day, span.first_day, span.last_day
from first_gap cross join span;
comment on view audit.system_as_of is 'The last business date up to which no delivery of a system is missing (a day before the first: none)';

grant select on all tables in schema audit to builder, publisher, auditor, loader;
grant insert, update on audit.contract, audit.setting, audit.delivery, audit.file, audit.load_range, audit.quarantined_row to loader;
grant insert on audit.flagged_cell, audit.repeated_row, audit.change to loader;
grant insert, update on audit.build to builder;
grant update on audit.change to builder;
grant select, insert, delete on build.in_force, build.affected to builder;

create table build.delivery_calendar (
    system text not null,
    table_name text not null,
    business_date date not null,
    late_at timestamptz not null,
    may_publish_without boolean not null,
    state text not null,
    primary key (table_name, business_date)
);
comment on table build.delivery_calendar is 'audit.delivery_calendar as it was when the running build started';
grant select, insert, delete on build.delivery_calendar to builder;

create table build.system_as_of (system text primary key, as_of_date date not null);
comment on table build.system_as_of is 'audit.system_as_of as it was when the running build started';
grant select, insert, delete on build.system_as_of to builder;

create table build.change (change_id bigint primary key);
comment on table build.change is 'The changes the running build takes in; marked in audit.change when it finishes';
grant select, insert, delete on build.change to builder;
grant delete on audit.file to loader;  -- a retry that lets nothing in takes its own entry back
