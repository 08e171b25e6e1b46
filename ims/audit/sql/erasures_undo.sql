CREATE OR REPLACE FUNCTION ims_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('ims.test_flush', true) = 'on' AND current_database() LIKE 'test\_%' AND TG_OP = 'TRUNCATE' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused. Correct it with a new entry that points at the old one.',
    TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP FUNCTION IF EXISTS ims_erasure_permitted(text, bigint, jsonb, jsonb);
DROP FUNCTION IF EXISTS ims_is_erased(text, bigint);
