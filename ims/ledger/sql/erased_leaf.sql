-- What an entry's content gives since its text was disposed of; null for an entry that is whole. The room that knows of
-- disposals replaces this.
CREATE FUNCTION ims_erased_leaf(entry_id bigint, entry_leaf bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT NULL::bytea
$$;
