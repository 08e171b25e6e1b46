-- Moving money over a limit needs the approval of a second person, whoever writes the posting. Receipts and imported
-- files are not looked at: the trigger never fires for them.

-- Whether an actor may move `amount` alone, by the limits of the roles held now, of those for everybody, and of those
-- for a part of the system that acts on another system's word.
CREATE FUNCTION ims_may_alone(limit_kind text, actor_kind text, actor_id text, amount numeric) RETURNS boolean
  LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM approvals_limit l
    WHERE l.kind = limit_kind AND (l.alone_up_to IS NULL OR amount <= l.alone_up_to)
      AND (l.role = '' OR (actor_kind = 'system' AND l.role = 'system:' || split_part(actor_id, ':', 1)) OR l.role IN (
        SELECT g.name FROM people_user u
        JOIN people_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id
        WHERE actor_kind = 'person' AND u.is_active AND u.id::text = actor_id)))
$$;

-- How much a posting moves: what goes in or what comes out, whichever is more; of write-off funds alone if asked.
CREATE FUNCTION ims_moved(posting bigint, write_offs boolean) RETURNS numeric LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT coalesce(greatest(sum(greatest(e.amount, 0)), -sum(least(e.amount, 0))), 0)
  FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id
  WHERE e.posting_id = posting AND (f.is_write_off OR NOT write_offs)
$$;

CREATE FUNCTION ims_posting_within_limit() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  over record;
BEGIN
  SELECT c.limit_kind, c.amount INTO over
  FROM (VALUES ('ledger.' || NEW.kind, ims_moved(NEW.id, false)), ('ledger.write_off', ims_moved(NEW.id, true)))
    AS c (limit_kind, amount)
  WHERE c.amount > 0 AND (c.limit_kind <> 'ledger.write_off' OR NEW.kind <> 'reversal')
    AND NOT ims_may_alone(c.limit_kind, NEW.actor_kind, NEW.actor_id, c.amount)
    AND NOT ims_is_approved_now(NEW.approval_id, c.limit_kind, c.amount)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Posting %-% moves %: more than % may move alone (%), and nobody has approved it.',
      NEW.series, NEW.number, over.amount, NEW.actor_name, over.limit_kind
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_within_limit';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ims_posting_within_limit AFTER INSERT ON ledger_posting
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind IN ('journal', 'transfer', 'allocation', 'reversal'))
  EXECUTE FUNCTION ims_posting_within_limit();

-- The digest takes in the approval where there is one; postings without keep the digest they have always had.
CREATE OR REPLACE FUNCTION ims_posting_digest(p ledger_posting) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(
    convert_to(
      'posting1|' || p.id || '|' || p.kind || '|' || p.series || '|' || p.number || '|' || coalesce(p.reverses_id, 0)
      || '|' || p.entry_count || '|' || p.total || '|' || (extract(epoch FROM p.posted_at) * 1000000)::bigint
      || '|' || octet_length(p.source_kind) || ':' || p.source_kind
      || '|' || octet_length(p.source_key) || ':' || p.source_key
      || '|' || octet_length(p.reason) || ':' || p.reason
      || '|' || octet_length(p.actor_kind) || ':' || p.actor_kind
      || '|' || octet_length(p.actor_id) || ':' || p.actor_id
      || '|' || octet_length(p.actor_name) || ':' || p.actor_name
      || CASE WHEN p.approval_id IS NULL THEN '' ELSE '|approval:' || p.approval_id END, 'UTF8')
    || coalesce((SELECT string_agg(leaf, ''::bytea ORDER BY line) FROM ledger_entry WHERE posting_id = p.id), ''::bytea))
$$;
