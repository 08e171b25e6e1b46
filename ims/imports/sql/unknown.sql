-- References that belong to no account holder of their fund, where that matters.
CREATE TEMPORARY TABLE ims_unknown ON COMMIT DROP AS
SELECT DISTINCT r.fund, r.reference
FROM ims_routed r JOIN funds_fund f ON f.code = r.fund AND (f.reference_rule_id IS NOT NULL OR f.account_must_exist)
WHERE r.holder IS NULL AND r.reference <> '' AND r.problem = '' AND r.kind = ANY({kinds});
ANALYZE ims_unknown;

-- The same references written as the account holder's system writes them, where exactly one account is meant.
CREATE TEMPORARY TABLE ims_rewritten ON COMMIT DROP AS
SELECT u.fund, u.reference, min(h.reference) AS proper, min(h.id) AS holder, min(h.stop_reason_id) AS stop_reason
FROM ims_unknown u JOIN accounts_accountholder h
  ON h.fund_id = u.fund AND translate(upper(h.reference), ' -/.', '') = translate(upper(u.reference), ' -/.', '')
WHERE translate(u.reference, ' -/.', '') <> ''
GROUP BY u.fund, u.reference HAVING count(*) = 1;
ANALYZE ims_rewritten;

CREATE TEMPORARY TABLE ims_wrong (fund text, reference text, reason text) ON COMMIT DROP;
CREATE TEMPORARY TABLE ims_candidate (line integer, fund text, reference text) ON COMMIT DROP;
CREATE TEMPORARY TABLE ims_found (line integer, fund text, reference text, holder bigint, stop_reason bigint) ON COMMIT DROP;
