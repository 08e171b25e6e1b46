-- What happened is a row, and stays one. Rows of tables guarded by this function are neither changed nor removed,
-- by anyone who has not first taken the guard away (which only the owner can, and which leaves the seals broken).
CREATE OR REPLACE FUNCTION ims_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Tests empty their tables between cases; nothing else may, and never outside a test database.
  IF current_setting('ims.test_flush', true) = 'on' AND current_database() LIKE 'test\_%' AND TG_OP = 'TRUNCATE' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused. Correct it with a new entry that points at the old one.',
    TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
