CREATE OR REPLACE FUNCTION ims_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('ims.test_flush', true) = 'on' AND current_database() LIKE 'test\_%' AND TG_OP = 'TRUNCATE' THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND ims_erasure_permitted(
       TG_TABLE_NAME::text, coalesce(to_jsonb(OLD) ->> 'history_id', to_jsonb(OLD) ->> 'id')::bigint,
       to_jsonb(OLD), to_jsonb(NEW)) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused. Correct it with a new entry that points at the old one.',
    TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP FUNCTION IF EXISTS ims_erasure_permitted(text, text, jsonb, jsonb);
