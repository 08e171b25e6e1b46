-- Items follow the ledger. Whoever moves money of an unidentified receipt (an allocation, a journal, the reversal of
-- either or of the receipt itself), what remains on its item is right when that transaction ends.

-- Who paid, in a form that is the same every month: the payer's name, or else the narrative without its digits.
CREATE FUNCTION ims_payer_key(payer_name text, narrative text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT left(btrim(regexp_replace(
    upper(CASE WHEN btrim(payer_name) <> '' THEN payer_name ELSE regexp_replace(narrative, '\S*[0-9]\S*', '', 'g') END),
    '[^[:alpha:]]+', ' ', 'g')), 60)
$$;

-- Brings the given items in line with the ledger. Changes and records only those that differ.
CREATE FUNCTION ims_suspense_follow(item_ids bigint[], cause ledger_posting) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  changed integer;
BEGIN
  -- Two movements of one item (an allocation, and the undoing of another) meet here and not in the ledger. The second
  -- waits, and its next statement sees what the first did.
  PERFORM 1 FROM suspense_suspenseitem WHERE id = ANY (item_ids) ORDER BY id FOR UPDATE;
  WITH truth AS (
    SELECT s.id, ims_entry_remaining(e.id, e.amount) AS remaining,
      EXISTS (SELECT 1 FROM ledger_posting r WHERE r.reverses_id = e.posting_id) AS is_reversed
    FROM suspense_suspenseitem s JOIN ledger_entry e ON e.id = s.entry_id WHERE s.id = ANY (item_ids)
  ), moved AS (
    UPDATE suspense_suspenseitem s SET
      remaining = t.remaining,
      state = CASE WHEN t.remaining <> 0 THEN 'open' WHEN t.is_reversed THEN 'reversed' ELSE 'allocated' END,
      closed_at = CASE WHEN t.remaining = 0 THEN transaction_timestamp() END
    FROM truth t WHERE t.id = s.id AND t.remaining <> s.remaining
    RETURNING s.*
  )
  INSERT INTO suspense_historicalsuspenseitem (
    id, entry_id, amount, remaining, received_on, opened_on, closed_at, state, reason, payer_key, owner_id, due_on,
    history_date, history_type, history_change_reason, history_user_id, actor_kind, actor_name, actor_address)
  SELECT id, entry_id, amount, remaining, received_on, opened_on, closed_at, state, m.reason, payer_key, owner_id, due_on,
    transaction_timestamp(), '~', cause.series || '-' || lpad(cause.number::text, greatest(6, length(cause.number::text)), '0') || ': ' || cause.reason,
    CASE WHEN cause.actor_kind = 'person' AND cause.actor_id ~ '^[0-9]{1,18}$' THEN cause.actor_id::bigint END,
    cause.actor_kind, cause.actor_name, ''
  FROM moved m;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;

CREATE FUNCTION ims_suspense_after_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  touched record;
  cause ledger_posting;
BEGIN
  -- Almost every insert corrects nothing, and pays for this one look only.
  IF NOT EXISTS (SELECT 1 FROM added WHERE corrects_id IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  FOR touched IN
    SELECT posting_id, array_agg(DISTINCT item_id ORDER BY item_id) AS items
    FROM (
      SELECT n.posting_id, s.id AS item_id
      FROM added n JOIN suspense_suspenseitem s ON s.entry_id = n.corrects_id
      UNION ALL
      -- The undoing of a correction gives back to what was corrected.
      SELECT n.posting_id, s.id
      FROM added n JOIN ledger_entry c ON c.id = n.corrects_id JOIN suspense_suspenseitem s ON s.entry_id = c.corrects_id
    ) AS reached
    GROUP BY posting_id ORDER BY posting_id
  LOOP
    SELECT * INTO cause FROM ledger_posting WHERE id = touched.posting_id;
    PERFORM ims_suspense_follow(touched.items, cause);
  END LOOP;
  RETURN NULL;
END $$;

-- Fires after the ledger's own trigger of this moment (they run in the order of their names).
CREATE TRIGGER ims_suspense_after_entries AFTER INSERT ON ledger_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ims_suspense_after_entries();
