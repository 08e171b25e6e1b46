-- The lines of a sealed basket lose text about people under a disposal, and change in no other way.
CREATE OR REPLACE FUNCTION ims_basket_lines_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  basket bigint;
BEGIN
  basket := CASE WHEN TG_OP = 'DELETE' THEN OLD.basket_id ELSE NEW.basket_id END;
  IF TG_OP = 'UPDATE' AND NEW.basket_id <> OLD.basket_id THEN
    RAISE EXCEPTION 'A line stays in its basket.'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'basket_line_stays';
  END IF;
  IF EXISTS (SELECT 1 FROM payments_basket WHERE id = basket AND sealed_at IS NOT NULL)
     AND NOT (TG_OP = 'UPDATE' AND ims_erasure_permitted(
                TG_TABLE_NAME::text, to_jsonb(OLD) ->> 'id', to_jsonb(OLD), to_jsonb(NEW))) THEN
    RAISE EXCEPTION 'Basket % is being paid: its lines cannot change.', basket
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'basket_is_sealed';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
