-- The VAT within an amount that includes it, rounded half to even: amount - amount / (1 + rate), reckoned in whole
-- pence and ten-thousandths so that a tie is a tie. The same rule as ims.funds.rules.vat_within.
CREATE OR REPLACE FUNCTION ims_vat_within(amount numeric, rate numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN rate = 0 THEN 0.00 ELSE
    sign(amount) * (quotient + CASE
      WHEN 2 * remainder > divisor OR (2 * remainder = divisor AND quotient % 2 = 1) THEN 1 ELSE 0 END)::numeric / 100
    END::numeric(12, 2)
  FROM (
    SELECT product / divisor AS quotient, product % divisor AS remainder, divisor
    FROM (SELECT (abs(amount) * 100)::bigint * (rate * 10000)::bigint AS product,
                 10000 + (rate * 10000)::bigint AS divisor) AS scaled
  ) AS divided
$$;
