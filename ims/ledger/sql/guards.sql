-- The ledger's promises, kept by the database whoever is at the keyboard.

-- 1. The canonical text of an entry, and its hash. Free text follows its length, so that no two different entries have
--    the same text; every number and date has one spelling whatever the session's settings. The text is written once
--    and built into two functions: PostgreSQL can inline the one for verifying, and evaluates the one for inserting
--    as a single expression. Calling one from the other costs five times as much per row.
DO $build$
DECLARE
  content constant text := $text$ sha256(convert_to(concat_ws('|', 'entry1', @.id, @.posting_id, @.line, @.fund_id,
    @.method_of_payment_id, @.office_id, @.amount, @.vat_code_id, @.vat_rate, @.vat_amount,
    @.received_on - date '2000-01-01', @.accounting_date - date '2000-01-01',
    (extract(epoch FROM @.posted_at) * 1000000)::bigint, coalesce(@.corrects_id, 0), coalesce(@.source_line, 0),
    octet_length(@.account_reference), @.account_reference, octet_length(@.narrative), @.narrative,
    octet_length(@.payer_name), @.payer_name, octet_length(@.source_reference), @.source_reference), 'UTF8')) $text$;
BEGIN
  EXECUTE 'CREATE FUNCTION ims_entry_leaf(e ledger_entry) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $f$ SELECT '
    || replace(content, '@', 'e') || ' $f$';
  EXECUTE 'CREATE FUNCTION ims_entry_before_insert() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN '
    || 'NEW.posted_at := transaction_timestamp(); NEW.leaf := ' || replace(content, '@', 'NEW')
    || '; RETURN NEW; END $f$';
END $build$;

CREATE TRIGGER ims_entry_leaf BEFORE INSERT ON ledger_entry
  FOR EACH ROW EXECUTE FUNCTION ims_entry_before_insert();

CREATE FUNCTION ims_posting_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.posted_at := transaction_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER ims_posting_moment BEFORE INSERT ON ledger_posting
  FOR EACH ROW EXECUTE FUNCTION ims_posting_before_insert();

-- 2. A posting is whole when its transaction ends: as many entries as it says, adding up to what it says.
--    Together with "a line lies within the posting" (3) and "a line once" (unique), nothing can be added later.
CREATE FUNCTION ims_posting_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found_count ledger_posting.entry_count%TYPE;
  found_total ledger_posting.total%TYPE;
BEGIN
  SELECT count(*), coalesce(sum(amount), 0) INTO found_count, found_total
  FROM ledger_entry WHERE posting_id = NEW.id;
  IF found_count <> NEW.entry_count OR found_total <> NEW.total THEN
    RAISE EXCEPTION 'Posting %-% says % entries totalling %, but has % totalling %.',
      NEW.series, NEW.number, NEW.entry_count, NEW.total, found_count, found_total
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_is_whole';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ims_posting_is_whole AFTER INSERT ON ledger_posting
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ims_posting_is_whole();

-- 3. After every insert of entries: each lies within its posting, its accounting date is in an open period, no
--    correction takes more from an entry than remains there, and only a reversal corrects a correction.
CREATE FUNCTION ims_entry_after_insert() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  offender record;
  checked integer;
BEGIN
  SELECT n.line, p.series, p.number INTO offender
  FROM added n JOIN ledger_posting p ON p.id = n.posting_id WHERE n.line > p.entry_count LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Posting %-% is complete: line % cannot be added to it.', offender.series, offender.number, offender.line
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_is_complete';
  END IF;

  -- The periods are held until the end of the transaction: one cannot be closed under a posting on its way.
  PERFORM 1 FROM ledger_accountingperiod p
  WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT accounting_date FROM added) d
                WHERE d.accounting_date BETWEEN p.starts_on AND p.ends_on)
  FOR SHARE OF p;
  SELECT d.accounting_date, p.name INTO offender
  FROM (SELECT DISTINCT accounting_date FROM added) d
  LEFT JOIN ledger_accountingperiod p ON d.accounting_date BETWEEN p.starts_on AND p.ends_on
  WHERE p.id IS NULL OR NOT p.is_open LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'The accounting date % is not in an open period (%).',
      offender.accounting_date, coalesce(offender.name || ' is closed', 'no period has it')
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'period_is_open';
  END IF;

  IF NOT EXISTS (SELECT 1 FROM added WHERE corrects_id IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  -- Two people correcting the same entry wait for one another here, on its posting.
  PERFORM 1 FROM ledger_posting
  WHERE id IN (SELECT o.posting_id FROM added n JOIN ledger_entry o ON o.id = n.corrects_id)
  ORDER BY id FOR UPDATE;
  -- Money is counted where it was received: what a line took, or a reversal gave back, is moved from there alone.
  SELECT o.id INTO offender
  FROM added n JOIN ledger_posting p ON p.id = n.posting_id JOIN ledger_entry o ON o.id = n.corrects_id
  WHERE o.corrects_id IS NOT NULL AND p.kind <> 'reversal' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Entry % corrects another: only a reversal may correct it.', offender.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'corrected_at_the_receipt';
  END IF;
  SELECT o.id, o.amount, r.remaining INTO offender
  FROM (SELECT DISTINCT corrects_id FROM added WHERE corrects_id IS NOT NULL) n
  JOIN ledger_entry o ON o.id = n.corrects_id
  CROSS JOIN LATERAL (SELECT ims_entry_remaining(o.id, o.amount) AS remaining) r
  WHERE NOT (r.remaining BETWEEN least(o.amount, 0) AND greatest(o.amount, 0)) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Entry % of % would be left with %: more is taken from it than remains.',
      offender.id, offender.amount, offender.remaining
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_has_enough_left';
  END IF;
  RETURN NULL;
END $$;

-- What remains of an entry: its amount, less what corrections took, plus what undoing those corrections gave back.
-- A reversal cannot itself be reversed, so the chain is never deeper than entry, correction, undoing.
CREATE FUNCTION ims_entry_remaining(entry_id bigint, entry_amount numeric) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT entry_amount + coalesce(sum(c.amount), 0) + coalesce(sum(u.given_back), 0)
  FROM ledger_entry c
  LEFT JOIN LATERAL (SELECT sum(amount) AS given_back FROM ledger_entry WHERE corrects_id = c.id) u ON true
  WHERE c.corrects_id = entry_id
$$;

CREATE TRIGGER ims_entry_after_insert AFTER INSERT ON ledger_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ims_entry_after_insert();

-- 4. A reversal undoes a whole posting that is not itself a reversal: line for line, with the opposite amount.
CREATE FUNCTION ims_reversal_mirrors() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  original ledger_posting;
  mismatches bigint;
BEGIN
  IF NEW.reverses_id IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO original FROM ledger_posting WHERE id = NEW.reverses_id;
  IF original.kind = 'reversal' THEN
    RAISE EXCEPTION 'Posting %-% is itself a reversal and cannot be reversed.', original.series, original.number
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reversal_is_final';
  END IF;
  SELECT count(*) INTO mismatches
  FROM (SELECT * FROM ledger_entry WHERE posting_id = original.id) o
  FULL JOIN (SELECT * FROM ledger_entry WHERE posting_id = NEW.id) r ON r.corrects_id = o.id
  WHERE o.id IS NULL OR r.id IS NULL OR r.amount <> -o.amount OR r.vat_amount <> -o.vat_amount
     OR r.fund_id <> o.fund_id OR r.method_of_payment_id <> o.method_of_payment_id;
  IF mismatches > 0 THEN
    RAISE EXCEPTION 'Posting %-% does not mirror what it reverses: % lines differ.', NEW.series, NEW.number, mismatches
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reversal_mirrors';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ims_reversal_mirrors AFTER INSERT ON ledger_posting
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL)
  EXECUTE FUNCTION ims_reversal_mirrors();

-- 5. The next number of a series, held to the end of the transaction, so that numbers have no gaps.
CREATE FUNCTION ims_next_number(series_prefix text) RETURNS bigint LANGUAGE sql AS $$
  INSERT INTO ledger_numberseries (prefix, last_number) VALUES (series_prefix, 1)
  ON CONFLICT (prefix) DO UPDATE SET last_number = ledger_numberseries.last_number + 1
  RETURNING last_number
$$;

-- 6. A posting's number as people quote it, and the digest of a posting with its entries.
CREATE FUNCTION ims_posting_reference(p ledger_posting) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT p.series || '-' || lpad(p.number::text, greatest(6, length(p.number::text)), '0')
$$;

CREATE FUNCTION ims_posting_digest(p ledger_posting) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(
    convert_to(
      'posting1|' || p.id || '|' || p.kind || '|' || p.series || '|' || p.number || '|' || coalesce(p.reverses_id, 0)
      || '|' || p.entry_count || '|' || p.total || '|' || (extract(epoch FROM p.posted_at) * 1000000)::bigint
      || '|' || octet_length(p.source_kind) || ':' || p.source_kind
      || '|' || octet_length(p.source_key) || ':' || p.source_key
      || '|' || octet_length(p.reason) || ':' || p.reason
      || '|' || octet_length(p.actor_kind) || ':' || p.actor_kind
      || '|' || octet_length(p.actor_id) || ':' || p.actor_id
      || '|' || octet_length(p.actor_name) || ':' || p.actor_name, 'UTF8')
    || coalesce((SELECT string_agg(leaf, ''::bytea ORDER BY line) FROM ledger_entry WHERE posting_id = p.id), ''::bytea))
$$;

-- 7. The VAT that remains within an entry, so that taking the last of the money takes the last of its VAT.
CREATE FUNCTION ims_entry_remaining_vat(entry_id bigint, entry_vat numeric) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT entry_vat + coalesce(sum(c.vat_amount), 0) + coalesce(sum(u.given_back), 0)
  FROM ledger_entry c
  LEFT JOIN LATERAL (SELECT sum(vat_amount) AS given_back FROM ledger_entry WHERE corrects_id = c.id) u ON true
  WHERE c.corrects_id = entry_id
$$;

-- 8. The hash of a seal, over everything it says and the seal before it.
CREATE FUNCTION ims_seal_hash(previous bytea, digest bytea, posting_count integer, entry_count bigint, total numeric,
                              last_posting_id bigint, sealed_at timestamptz)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sha256(previous || digest || convert_to(
    'seal1|' || posting_count || '|' || entry_count || '|' || total::numeric(18, 2) || '|' || last_posting_id || '|'
    || (extract(epoch FROM sealed_at) * 1000000)::bigint, 'UTF8'))
$$;
