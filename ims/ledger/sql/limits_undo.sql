DROP TRIGGER IF EXISTS ims_posting_within_limit ON ledger_posting;
DROP FUNCTION IF EXISTS ims_posting_within_limit();
DROP FUNCTION IF EXISTS ims_moved(bigint, boolean);
DROP FUNCTION IF EXISTS ims_may_alone(text, text, text, numeric);
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
      || '|' || octet_length(p.actor_name) || ':' || p.actor_name, 'UTF8')
    || coalesce((SELECT string_agg(leaf, ''::bytea ORDER BY line) FROM ledger_entry WHERE posting_id = p.id), ''::bytea))
$$;
