-- Raw tables are made from the contracts (warehouse/raw_tables.py); their partitions, one per business month, on demand.
create function raw.ensure_month(table_name text, business_date date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    month date := date_trunc('month', business_date)::date;
    partition text := format('%s_%s', table_name, to_char(month, 'YYYYMM'));
begin
    if to_regclass(format('raw.%I', partition)) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(4108, hashtext(partition));
    execute format(
        'create table if not exists raw.%I partition of raw.%I for values from (%L) to (%L)',
        partition, table_name, month, (month + interval '1 month')::date
    );
end
$$;
revoke all on function raw.ensure_month(text, date) from public;
grant execute on function raw.ensure_month(text, date) to loader;
comment on function raw.ensure_month(text, date) is 'Makes the partition of a raw table for the month of a business date, if there is none';
