CREATE OR REPLACE FUNCTION ims_hash_before_erasure(of_table text, row_key text, found bytea) RETURNS bytea
  LANGUAGE sql STABLE AS $$ SELECT NULL::bytea $$;
DROP FUNCTION ims_erase(bigint, text, text[]);
CREATE OR REPLACE FUNCTION ims_erasable(table_name text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE table_name
    WHEN 'ledger_entry' THEN '{"narrative": "", "payer_name": ""}'
    WHEN 'imports_importrow' THEN '{"narrative": "", "payer_name": "", "raw": "", "end_to_end": ""}'
    WHEN 'imports_rowdecision' THEN '{"before": {}, "after": {}}'
    WHEN 'imports_filecontent' THEN '{"compressed": "\\x"}'
    WHEN 'exports_exportbatch' THEN '{"content": "\\x"}'
    WHEN 'accounts_accountholder' THEN '{"name": "", "surname": "", "address": "", "postcode": ""}'
    WHEN 'accounts_historicalaccountholder' THEN '{"name": "", "surname": "", "address": "", "postcode": ""}'
    WHEN 'accounts_accountload' THEN '{"content": "\\x", "problems": [], "examples": []}'
    WHEN 'records_subjectrequest' THEN '{"name": "", "references": "", "postcode": "", "email": ""}'
    WHEN 'records_historicalsubjectrequest' THEN '{"name": "", "references": "", "postcode": "", "email": ""}'
    WHEN 'suspense_suspensenote' THEN '{"text": ""}'
    WHEN 'suspense_suspenseitem' THEN '{"payer_key": ""}'
    WHEN 'suspense_historicalsuspenseitem' THEN '{"payer_key": ""}'
  END::jsonb
$$;

CREATE OR REPLACE FUNCTION ims_erasure_permitted(table_name text, row_key bigint, old_row jsonb, new_row jsonb)
RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce(new_row = old_row || ims_erasable($1), false) AND EXISTS (
    SELECT 1 FROM records_erasure e JOIN records_disposal d ON d.id = e.disposal_id
    WHERE e.table_name = $1 AND e.row_key = $2 AND d.state = 'running')
$$;

CREATE OR REPLACE FUNCTION ims_erasure_permitted(table_name text, row_key text, old_row jsonb, new_row jsonb)
RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;

CREATE OR REPLACE FUNCTION ims_erased_leaf(entry_id bigint, entry_leaf bytea) RETURNS bytea LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT e.after FROM records_erasure e
  WHERE e.table_name = 'ledger_entry' AND e.row_key = $1 AND e.before = $2
$$;

CREATE OR REPLACE FUNCTION ims_is_erased(table_name text, row_key bigint) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM records_erasure e WHERE e.table_name = $1 AND e.row_key = $2)
$$;

CREATE FUNCTION ims_erase(disposal bigint, of_table text, keys bigint[]) RETURNS bigint LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  key_column text := CASE WHEN of_table LIKE '%\_historical%' THEN 'history_id' ELSE 'id' END;
  settings text;
  altered bigint;
  done bigint;
BEGIN
  PERFORM 1 FROM records_disposal d WHERE d.id = disposal AND d.state = 'running' FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Disposal % is not running: nothing is erased under it.', disposal
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erased_under_a_disposal';
  END IF;
  SELECT string_agg(format('%I = %L', name, value), ', ') INTO settings
  FROM jsonb_each_text(ims_erasable(of_table)) AS each (name, value);
  IF settings IS NULL THEN
    RAISE EXCEPTION 'Nothing of table % may be erased.', of_table
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erased_where_allowed';
  END IF;
  IF of_table = 'ledger_entry' THEN
    SELECT e.id INTO altered FROM ledger_entry e
    WHERE e.id = ANY(keys) AND e.leaf <> ims_entry_leaf(e) AND ims_erased_leaf(e.id, e.leaf) IS NULL LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'Entry % has been altered: its text is evidence and is not erased.', altered
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erased_as_it_was_posted';
    END IF;
    INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)
    SELECT disposal, of_table, e.id, e.leaf,
           ims_entry_leaf(jsonb_populate_record(e, ims_erasable('ledger_entry')))
    FROM ledger_entry e WHERE e.id = ANY(keys)
    ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)
    SELECT disposal, of_table, key, '', '' FROM unnest(keys) AS key ON CONFLICT DO NOTHING;
  END IF;
  EXECUTE format('UPDATE %I SET %s WHERE %I = ANY($1)', of_table, settings, key_column) USING keys;
  GET DIAGNOSTICS done = ROW_COUNT;
  RETURN done;
END $$;
