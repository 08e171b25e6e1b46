-- Seals over histories. A row of a history table is hashed as the text of its columns, in the order that its seal names
-- them: columns that a later version adds are no part of seals made before.

-- 1. The hash of each row of a run.
CREATE FUNCTION ims_history_hashes(of_table text, named text[], first_id bigint, last_id bigint)
RETURNS TABLE (row_key bigint, hash bytea) LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, DMY' SET intervalstyle = 'postgres'
  SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE
  listed text;
BEGIN
  SELECT string_agg(format('h.%I', name), ', ' ORDER BY place) INTO listed
  FROM unnest(named) WITH ORDINALITY AS each (name, place);
  RETURN QUERY EXECUTE format(
    'SELECT h.history_id, sha256(convert_to(ROW(%s)::text, ''UTF8'')) FROM %I h'
    ' WHERE h.history_id BETWEEN $1 AND $2 ORDER BY h.history_id', listed, of_table)
    USING first_id, last_id;
END $$;

-- 2. How many rows a run has, and the SHA-256 over their hashes in order.
CREATE FUNCTION ims_history_digest(of_table text, named text[], first_id bigint, last_id bigint)
RETURNS TABLE (row_count bigint, digest bytea) LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, DMY' SET intervalstyle = 'postgres'
  SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE
  listed text;
BEGIN
  SELECT string_agg(format('h.%I', name), ', ' ORDER BY place) INTO listed
  FROM unnest(named) WITH ORDINALITY AS each (name, place);
  RETURN QUERY EXECUTE format(
    'SELECT count(*), sha256(coalesce(string_agg(sha256(convert_to(ROW(%s)::text, ''UTF8'')), ''''::bytea'
    ' ORDER BY h.history_id), ''''::bytea)) FROM %I h WHERE h.history_id BETWEEN $1 AND $2', listed, of_table)
    USING first_id, last_id;
END $$;

-- 3. The hash of a seal, over everything it says and the seal before it.
CREATE FUNCTION ims_history_seal_hash(previous bytea, of_table text, first_id bigint, last_id bigint, row_count integer,
                                      named text[], digest bytea, marks bytea, sealed_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(previous || digest || sha256(marks) || convert_to(
    'historyseal1|' || of_table || '|' || first_id || '|' || last_id || '|' || row_count || '|'
    || array_to_string(named, ',') || '|' || (extract(epoch FROM sealed_at) * 1000000)::bigint, 'UTF8'))
$$;

-- 4. The hash that a row would have with some columns changed; null for a row that no seal covers.
CREATE FUNCTION ims_history_hash(of_table text, row_key bigint, changes jsonb) RETURNS bytea LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, DMY' SET intervalstyle = 'postgres'
  SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE
  listed text;
  found bytea;
BEGIN
  SELECT string_agg(format('(n.r).%I', name), ', ' ORDER BY place) INTO listed
  FROM audit_historyseal s, unnest(s.columns) WITH ORDINALITY AS each (name, place)
  WHERE s.table_name = of_table AND row_key BETWEEN s.first_id AND s.last_id;
  IF listed IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format(
    'SELECT sha256(convert_to(ROW(%s)::text, ''UTF8'')) FROM'
    ' (SELECT jsonb_populate_record(h, $2) AS r FROM %I h WHERE h.history_id = $1) n', listed, of_table)
    INTO found USING row_key, changes;
  RETURN found;
END $$;

-- 5. The hash that a row had before it lost text about people under a disposal, for what is left of it. The room that
--    knows of disposals says; until it does, there is none.
CREATE FUNCTION ims_hash_before_erasure(of_table text, row_key text, found bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT NULL::bytea
$$;
