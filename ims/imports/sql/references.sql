-- The rows of a file name their batch, and the posting when one was posted by itself. A foreign key would look the same
-- batch up for every row of a large file; the same promise is kept once for each statement. Postings cannot be removed.
CREATE FUNCTION ims_import_row_names_what_exists() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  batches bigint[];
  postings bigint[];
  held integer;
BEGIN
  SELECT array_agg(DISTINCT batch_id), array_agg(DISTINCT posting_id) FILTER (WHERE posting_id IS NOT NULL)
  INTO batches, postings
  FROM (SELECT batch_id, posting_id FROM added GROUP BY 1, 2) AS told;
  PERFORM 1 FROM imports_importbatch WHERE id = ANY (batches) FOR KEY SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held < cardinality(batches) OR EXISTS (
    SELECT 1 FROM unnest(postings) AS id WHERE NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.id = id.id)) THEN
    RAISE EXCEPTION 'A row of a file names an import or a posting that does not exist.'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'import_row_names_what_exists';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ims_import_row_inserted AFTER INSERT ON imports_importrow
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ims_import_row_names_what_exists();

-- Rows are changed one by one, by people; only the posting ever changes.
CREATE FUNCTION ims_import_row_changed() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.batch_id <> OLD.batch_id OR (
    NEW.posting_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_posting WHERE id = NEW.posting_id)) THEN
    RAISE EXCEPTION 'A row of a file stays with its import, and names a posting that exists.'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'import_row_names_what_exists';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ims_import_row_changed AFTER UPDATE OF batch_id, posting_id ON imports_importrow
  FOR EACH ROW WHEN (OLD.batch_id <> NEW.batch_id OR OLD.posting_id IS DISTINCT FROM NEW.posting_id)
  EXECUTE FUNCTION ims_import_row_changed();

-- A batch that has rows stays.
CREATE FUNCTION ims_batch_has_rows() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
    RETURN NULL;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'Remove imports in a transaction that is READ COMMITTED.' USING ERRCODE = 'feature_not_supported';
  END IF;
  IF EXISTS (SELECT 1 FROM imports_importrow WHERE batch_id = OLD.id) THEN
    RAISE EXCEPTION 'Import % has rows: it cannot be removed.', OLD.id
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'batch_has_rows';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ims_batch_has_rows AFTER DELETE OR UPDATE OF id ON imports_importbatch
  FOR EACH ROW EXECUTE FUNCTION ims_batch_has_rows();
