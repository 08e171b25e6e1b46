DROP TRIGGER IF EXISTS ims_erasure_guard ON records_erasure;
DROP FUNCTION IF EXISTS ims_erasure_guard();
DROP TRIGGER IF EXISTS ims_disposal_guard ON records_disposal;
DROP FUNCTION IF EXISTS ims_disposal_guard();
DROP FUNCTION IF EXISTS ims_erase(bigint, text, bigint[]);
CREATE OR REPLACE FUNCTION ims_is_erased(table_name text, row_key bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT false
$$;
CREATE OR REPLACE FUNCTION ims_erased_leaf(entry_id bigint, entry_leaf bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT NULL::bytea
$$;
CREATE OR REPLACE FUNCTION ims_erasure_permitted(table_name text, row_key bigint, old_row jsonb, new_row jsonb)
RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;
DROP FUNCTION IF EXISTS ims_erasable(text);
