-- What the database itself promises about card payments.

-- 1. What is being paid stays what it was: the lines of a sealed basket neither change nor go nor come.
CREATE FUNCTION ims_basket_lines_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  basket bigint;
BEGIN
  basket := CASE WHEN TG_OP = 'DELETE' THEN OLD.basket_id ELSE NEW.basket_id END;
  IF TG_OP = 'UPDATE' AND NEW.basket_id <> OLD.basket_id THEN
    RAISE EXCEPTION 'A line stays in its basket.'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'basket_line_stays';
  END IF;
  IF EXISTS (SELECT 1 FROM payments_basket WHERE id = basket AND sealed_at IS NOT NULL) THEN
    RAISE EXCEPTION 'Basket % is being paid: its lines cannot change.', basket
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'basket_is_sealed';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER ims_basket_lines_sealed BEFORE INSERT OR UPDATE OR DELETE ON payments_basketline
  FOR EACH ROW EXECUTE FUNCTION ims_basket_lines_sealed();

CREATE FUNCTION ims_basket_stays_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.sealed_at IS NOT NULL AND NEW.sealed_at IS DISTINCT FROM OLD.sealed_at THEN
    RAISE EXCEPTION 'Basket % was sealed and stays so.', OLD.reference
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'basket_stays_sealed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ims_basket_stays_sealed BEFORE UPDATE ON payments_basket
  FOR EACH ROW EXECUTE FUNCTION ims_basket_stays_sealed();

-- 2. What was asked for, of whom and under which reference never changes; nor does a provider's id or a receipt once
--    known.
CREATE FUNCTION ims_attempt_keeps_its_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.basket_id, NEW.number, NEW.reference, NEW.service_id, NEW.amount)
     IS DISTINCT FROM (OLD.basket_id, OLD.number, OLD.reference, OLD.service_id, OLD.amount)
     OR (OLD.provider_id IS NOT NULL AND NEW.provider_id IS DISTINCT FROM OLD.provider_id)
     OR (OLD.posting_id IS NOT NULL AND NEW.posting_id IS DISTINCT FROM OLD.posting_id) THEN
    RAISE EXCEPTION 'Payment % keeps what it was asked for and what was posted for it.', OLD.reference
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'attempt_keeps_its_terms';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ims_attempt_keeps_its_terms BEFORE UPDATE ON payments_paymentattempt
  FOR EACH ROW EXECUTE FUNCTION ims_attempt_keeps_its_terms();

-- 3. Refunds never claim more of a receipt's line than remains of it, whoever else asks at the same moment: they wait
--    for one another on the receipt's posting, as the ledger's own corrections do.
CREATE FUNCTION ims_refund_within_remaining() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  claimed numeric;
  remaining numeric;
BEGIN
  PERFORM 1 FROM ledger_posting
  WHERE id = (SELECT posting_id FROM ledger_entry WHERE id = NEW.entry_id) FOR UPDATE;
  SELECT ims_entry_remaining(id, amount) INTO remaining FROM ledger_entry WHERE id = NEW.entry_id;
  SELECT coalesce(sum(l.amount), 0) INTO claimed
  FROM payments_refundline l JOIN payments_refund r ON r.id = l.refund_id
  WHERE l.entry_id = NEW.entry_id AND r.state IN ('approved', 'sending', 'submitted');
  IF claimed > remaining THEN
    RAISE EXCEPTION 'Refunds would claim % of a line of which % remains.', claimed, remaining
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_within_remaining';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ims_refund_within_remaining AFTER INSERT ON payments_refundline
  FOR EACH ROW EXECUTE FUNCTION ims_refund_within_remaining();

-- 4. A refund that is over does not come back to life, and keeps its terms.
CREATE FUNCTION ims_refund_keeps_its_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state IN ('succeeded', 'failed')
     AND NEW.state IN ('approved', 'sending', 'submitted') THEN
    RAISE EXCEPTION 'Refund % of payment % is over. Ask for a new one.', OLD.number, OLD.attempt_id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_is_over';
  END IF;
  IF (NEW.attempt_id, NEW.number, NEW.amount, NEW.requested_id)
     IS DISTINCT FROM (OLD.attempt_id, OLD.number, OLD.amount, OLD.requested_id)
     OR NEW.approval_id IS DISTINCT FROM OLD.approval_id THEN
    RAISE EXCEPTION 'Refund % of payment % keeps what was asked for.', OLD.number, OLD.attempt_id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_keeps_its_terms';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ims_refund_keeps_its_terms BEFORE UPDATE ON payments_refund
  FOR EACH ROW EXECUTE FUNCTION ims_refund_keeps_its_terms();
