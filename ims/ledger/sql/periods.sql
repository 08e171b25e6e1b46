-- A period that holds entries keeps its dates and cannot be removed: otherwise entries would be left in no period, or
-- a closed one could be made again, open.
CREATE FUNCTION ims_period_keeps_entries() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.starts_on, NEW.ends_on) = (OLD.starts_on, OLD.ends_on) THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT 1 FROM ledger_entry WHERE accounting_date BETWEEN OLD.starts_on AND OLD.ends_on) THEN
    RAISE EXCEPTION 'Accounting period % holds entries: it cannot be removed, nor its dates moved.', OLD.name
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'period_keeps_entries';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER ims_period_keeps_entries BEFORE UPDATE OR DELETE ON ledger_accountingperiod
  FOR EACH ROW EXECUTE FUNCTION ims_period_keeps_entries();
