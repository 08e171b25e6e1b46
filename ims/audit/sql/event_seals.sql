-- The digest of an audit event: every column of it, free text after its length, so that no two different events have
-- the same text. Columns added later are not part of it: they would need a digest of their own, with another first word.
CREATE FUNCTION ims_event_digest(e audit_event) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(
    'event1|' || e.id || '|' || (extract(epoch FROM e.occurred_at) * 1000000)::bigint
    || '|' || octet_length(e.verb) || ':' || e.verb
    || '|' || octet_length(e.actor_kind) || ':' || e.actor_kind
    || '|' || octet_length(e.actor_id) || ':' || e.actor_id
    || '|' || octet_length(e.actor_name) || ':' || e.actor_name
    || '|' || octet_length(e.address) || ':' || e.address
    || '|' || octet_length(e.subject_type) || ':' || e.subject_type
    || '|' || octet_length(e.subject_id) || ':' || e.subject_id
    || '|' || octet_length(e.subject_label) || ':' || e.subject_label
    || '|' || octet_length(e.reason) || ':' || e.reason
    || '|' || octet_length(e.data::text) || ':' || e.data::text, 'UTF8'))
$$;

-- The hash of a seal over events, over everything it says and the seal before it.
CREATE FUNCTION ims_event_seal_hash(previous bytea, digest bytea, event_count integer, last_event_id bigint,
                                    sealed_at timestamptz)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sha256(previous || digest || convert_to(
    'eventseal1|' || event_count || '|' || last_event_id || '|' || (extract(epoch FROM sealed_at) * 1000000)::bigint,
    'UTF8'))
$$;
