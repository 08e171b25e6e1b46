-- A whole reference that is an account holder's counts, whatever the fund's rule proves.
INSERT INTO ims_candidate
SELECT r.line, h.fund_id, h.reference
FROM ims_routed r JOIN accounts_accountholder h ON h.reference = upper(r.reference)
WHERE r.fund = '' AND r.reference <> '' AND r.problem = '' AND r.kind = ANY({kinds});

-- One candidate that is an account holder's decides; without one, a single candidate whose fund asks for no account.
INSERT INTO ims_found
SELECT line, CASE WHEN known = 1 THEN known_fund ELSE fund END,
       CASE WHEN known = 1 THEN known_reference ELSE reference END, holder, stop_reason
FROM (
  SELECT c.line,
         count(DISTINCT (c.fund, c.reference)) FILTER (WHERE h.id IS NOT NULL) AS known,
         min(c.fund) FILTER (WHERE h.id IS NOT NULL) AS known_fund,
         min(c.reference) FILTER (WHERE h.id IS NOT NULL) AS known_reference,
         min(h.id) AS holder, min(h.stop_reason_id) AS stop_reason,
         count(DISTINCT (c.fund, c.reference)) AS proven, min(c.fund) AS fund, min(c.reference) AS reference,
         bool_or(f.account_must_exist) AS must_exist
  FROM ims_candidate c JOIN funds_fund f ON f.code = c.fund AND f.is_active AND NOT f.is_suspense
  LEFT JOIN accounts_accountholder h ON h.fund_id = c.fund AND h.reference = c.reference
  GROUP BY c.line
) AS counted
WHERE known = 1 OR (known = 0 AND proven = 1 AND NOT must_exist);
ANALYZE ims_found;
