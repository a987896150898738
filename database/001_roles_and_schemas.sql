-- Roles are groups without login: the pipeline's one login may become each of them, and sets the one a step needs.
-- Roles belong to the whole server, so two warehouses on one server share them; schemas and grants are per database.
do $$
declare
    name text;
begin
    foreach name in array array['loader', 'builder', 'publisher', 'bi_reader', 'auditor', 'vault_reader'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
        begin
            execute format('grant %I to current_user', name);
        exception when insufficient_privilege then
            raise notice 'the server''s administrator must: grant % to %', name, current_user;
        end;
    end loop;
end
$$;

-- no reader may make tables, temporary ones included, or use a procedural language
do $$ begin execute format('revoke all on database %I from public', current_database()); end $$;
do $$ begin execute format(
    'grant connect on database %I to loader, builder, publisher, bi_reader, auditor, vault_reader', current_database());
    execute format('grant temporary, create on database %I to builder', current_database());
    execute format('grant temporary on database %I to loader', current_database()); end $$;
revoke all on schema public from public;
revoke usage on language plpgsql from public;
grant usage on language plpgsql to builder;

create schema raw;
create schema vault;
create schema audit;
create schema build;
create schema store;
create schema mart;
create schema mart_history;

comment on schema raw is 'Deliveries as sent, typed, persons as tokens; written by the loader, append only';
comment on schema vault is 'Encrypted numbers and names of persons; nobody reads it without a second person''s approval';
comment on schema audit is 'The ledger of deliveries, builds and publications, quality verdicts and findings';
comment on schema build is 'What the running build may see: files in force and affected dates, frozen at its start';
comment on schema store is 'Frozen marts of each publication; a view of mart shows the current one';
comment on schema mart is 'What BI tools read: the current publication';
comment on schema mart_history is 'What BI tools read: every kept publication';

grant usage on schema raw to loader, builder;
grant usage on schema vault to loader, vault_reader;
grant usage on schema audit to loader, builder, publisher, auditor;
grant usage on schema build to builder, loader;
grant usage on schema store to builder, publisher;
grant usage on schema mart, mart_history to bi_reader, auditor, publisher;
