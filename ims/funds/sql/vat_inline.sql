-- The VAT within an amount that includes it, rounded half to even: the same rule as before, written as one expression,
-- so that PostgreSQL puts it into the statement that posts a file instead of calling a function for every row.
-- In whole pence and ten-thousandths, (2 × product + divisor) / (2 × divisor) is rounded half up; a tie that came out
-- odd goes one down.
CREATE OR REPLACE FUNCTION ims_vat_within(amount numeric, rate numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN rate = 0 THEN 0.00::numeric(12, 2) ELSE (sign(amount) * (
    (2 * ((abs(amount) * 100)::bigint * (rate * 10000)::bigint) + 10000 + (rate * 10000)::bigint)
      / (2 * (10000 + (rate * 10000)::bigint))
    - CASE WHEN (2 * ((abs(amount) * 100)::bigint * (rate * 10000)::bigint) + 10000 + (rate * 10000)::bigint)
                % (2 * (10000 + (rate * 10000)::bigint)) = 0
           THEN ((2 * ((abs(amount) * 100)::bigint * (rate * 10000)::bigint) + 10000 + (rate * 10000)::bigint)
                 / (2 * (10000 + (rate * 10000)::bigint))) % 2
           ELSE 0 END)::numeric / 100)::numeric(12, 2) END
$$;
