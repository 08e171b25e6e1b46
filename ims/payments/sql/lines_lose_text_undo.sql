CREATE OR REPLACE FUNCTION ims_basket_lines_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
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
