-- Persons: raw holds tokens and what models may know; the vault holds number and name, encrypted outside the database.

create table raw.person (
    person_key uuid primary key,
    birth_date date,
    sex text check (sex in ('1', '2')),
    first_issue_division text,
    first_load_id bigint not null
);
comment on table raw.person is
'One row per valid national ID number ever delivered, by token: what the number itself tells (GB 11643). Sex: GB/T 2261.1';

create table vault.person (
    person_key uuid primary key,
    key_id text not null,
    sealed bytea not null,
    first_load_id bigint not null
);
comment on table vault.person is
'Number and name of a person, sealed with AES-256-GCM under the vault key key_id, which never enters the database';

grant select, insert on raw.person to loader;
grant select on raw.person to builder;
grant insert on vault.person to loader;
grant select on vault.person to vault_reader;
