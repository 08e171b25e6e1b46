-- A review that is signed off stays as it is: neither the review nor a line of it changes, comes or goes.

CREATE FUNCTION ims_access_review_is_final() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.signed_off_at IS NOT NULL THEN
    RAISE EXCEPTION 'The access review % was signed off and stays as it is.', OLD.title USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.signed_off_at IS NOT NULL
     AND EXISTS (SELECT 1 FROM access_reviewline l WHERE l.review_id = OLD.id AND l.decision = '') THEN
    RAISE EXCEPTION 'The access review % has people nobody has decided about.', OLD.title
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER access_review_is_final BEFORE UPDATE OR DELETE ON access_accessreview
  FOR EACH ROW EXECUTE FUNCTION ims_access_review_is_final();

CREATE FUNCTION ims_access_line_is_final() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  wanted bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.review_id ELSE NEW.review_id END;
BEGIN
  -- The lock keeps a sign-off at the same moment from slipping in between.
  PERFORM 1 FROM access_accessreview r WHERE r.id = wanted AND r.signed_off_at IS NULL FOR SHARE;
  IF NOT FOUND OR (TG_OP = 'UPDATE' AND OLD.review_id <> NEW.review_id) THEN
    RAISE EXCEPTION 'The access review was signed off: what was decided in it stays as it is.'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.person_id, OLD.roles, OLD.scope) IS DISTINCT FROM (NEW.person_id, NEW.roles, NEW.scope)
  THEN
    RAISE EXCEPTION 'What somebody held when a review was opened does not change.' USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER access_line_is_final BEFORE INSERT OR UPDATE OR DELETE ON access_reviewline
  FOR EACH ROW EXECUTE FUNCTION ims_access_line_is_final();

ALTER TABLE access_accessreview ENABLE ALWAYS TRIGGER access_review_is_final;
ALTER TABLE access_reviewline ENABLE ALWAYS TRIGGER access_line_is_final;
