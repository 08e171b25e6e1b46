-- Disposal reaches the newer rooms: card payments, messages, the telephone line, other systems, requests for approval.
-- Rows are named by their key as text, since some of those tables have keys that are no numbers.

-- 1. Which columns of which tables hold text about people, and what is left in their place.
CREATE OR REPLACE FUNCTION ims_erasable(table_name text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE replace(table_name, '_historical', '_')
    WHEN 'ledger_entry' THEN '{"narrative": "", "payer_name": ""}'
    WHEN 'imports_importrow' THEN '{"narrative": "", "payer_name": "", "raw": "", "end_to_end": ""}'
    WHEN 'imports_rowdecision' THEN '{"before": {}, "after": {}}'
    WHEN 'imports_filecontent' THEN '{"compressed": "\\x"}'
    WHEN 'exports_exportbatch' THEN '{"content": "\\x"}'
    WHEN 'accounts_accountholder' THEN '{"name": "", "surname": "", "address": "", "postcode": ""}'
    WHEN 'accounts_accountload' THEN '{"content": "\\x", "problems": [], "examples": []}'
    WHEN 'records_subjectrequest'
      THEN '{"name": "", "references": "", "postcode": "", "email": "", "telephone": ""}'
    WHEN 'suspense_suspensenote' THEN '{"text": ""}'
    WHEN 'suspense_suspenseitem' THEN '{"payer_key": ""}'
    WHEN 'payments_basket' THEN '{"payer_name": "", "email": "", "telephone": "", "address": "", "postcode": ""}'
    WHEN 'payments_basketline' THEN '{"narrative": ""}'
    WHEN 'payments_paymentlink' THEN '{"email": "", "telephone": "", "message": ""}'
    WHEN 'payments_paymentattempt' THEN '{"card_last_four": ""}'
    WHEN 'payments_dispute' THEN '{"note": ""}'
    WHEN 'correspondence_message' THEN '{"to": "", "subject": "", "body": "", "failure": ""}'
    WHEN 'telephone_line_callpayment' THEN '{"card_last_four": ""}'
    WHEN 'api_clientpayment' THEN '{"return_url": "", "client_reference": ""}'
    WHEN 'api_notification' THEN '{"body": {}}'
    WHEN 'approvals_request' THEN '{"payload": {}, "plan": {}, "stamp": {}}'
  END::jsonb
$$;

-- 2. What the guards ask: may this row become that one?
DROP FUNCTION ims_erasure_permitted(text, bigint, jsonb, jsonb);
CREATE OR REPLACE FUNCTION ims_erasure_permitted(table_name text, row_key text, old_row jsonb, new_row jsonb)
RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce(new_row = old_row || ims_erasable($1), false) AND EXISTS (
    SELECT 1 FROM records_erasure e JOIN records_disposal d ON d.id = e.disposal_id
    WHERE e.table_name = $1 AND e.row_key = $2 AND d.state = 'running')
$$;

-- 3. The questions other rooms ask of rows with numbers for keys.
CREATE OR REPLACE FUNCTION ims_erased_leaf(entry_id bigint, entry_leaf bytea) RETURNS bytea LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT e.after FROM records_erasure e
  WHERE e.table_name = 'ledger_entry' AND e.row_key = $1::text AND e.before = $2
$$;

CREATE OR REPLACE FUNCTION ims_is_erased(table_name text, row_key bigint) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM records_erasure e WHERE e.table_name = $1 AND e.row_key = $2::text)
$$;

CREATE OR REPLACE FUNCTION ims_hash_before_erasure(of_table text, row_key text, found bytea) RETURNS bytea
  LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT e.before FROM records_erasure e
  WHERE e.table_name = $1 AND e.row_key = $2 AND e.after = $3 AND e.before <> ''
$$;

-- 4. Take the text of some rows away. Rows done already are passed over; an entry that was altered is refused.
DROP FUNCTION ims_erase(bigint, text, bigint[]);
CREATE FUNCTION ims_erase(disposal bigint, of_table text, keys text[]) RETURNS bigint LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  key_column text := CASE WHEN of_table LIKE '%\_historical%' THEN 'history_id' ELSE 'id' END;
  settings text;
  key_type text;
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
    WHERE e.id = ANY(keys::bigint[]) AND e.leaf <> ims_entry_leaf(e) AND ims_erased_leaf(e.id, e.leaf) IS NULL LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'Entry % has been altered: its text is evidence and is not erased.', altered
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erased_as_it_was_posted';
    END IF;
    INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)
    SELECT disposal, of_table, e.id::text, e.leaf,
           ims_entry_leaf(jsonb_populate_record(e, ims_erasable('ledger_entry')))
    FROM ledger_entry e WHERE e.id = ANY(keys::bigint[])
    ON CONFLICT DO NOTHING;
  ELSIF key_column = 'history_id' THEN
    -- The hash that a seal was made over, and that of what is left: none where no seal covers the row yet.
    INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)
    SELECT disposal, of_table, key, coalesce(ims_history_hash(of_table, key::bigint, '{}'), ''),
           coalesce(ims_history_hash(of_table, key::bigint, ims_erasable(of_table)), '')
    FROM unnest(keys) AS key ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)
    SELECT disposal, of_table, key, '', '' FROM unnest(keys) AS key ON CONFLICT DO NOTHING;
  END IF;
  SELECT format_type(a.atttypid, NULL) INTO key_type FROM pg_attribute a
  WHERE a.attrelid = of_table::regclass AND a.attname = key_column;
  EXECUTE format('UPDATE %I SET %s WHERE %I = ANY($1::%s[])', of_table, settings, key_column, key_type) USING keys;
  GET DIAGNOSTICS done = ROW_COUNT;
  RETURN done;
END $$;
