-- The rows after routing, each with its place among its twins and with the account holder its fund and reference name.
CREATE TEMPORARY TABLE ims_routed ON COMMIT DROP AS
SELECT r.*, coalesce(t.occurrence, 1) AS occurrence, h.id AS holder, h.stop_reason_id AS stop_reason
FROM (SELECT {outputs}, rules FROM ({routed}) AS given) AS r
LEFT JOIN ims_twin t ON t.line = r.line
LEFT JOIN accounts_accountholder h ON h.fund_id = r.fund AND h.reference = r.reference;
-- Only what joins are planned by: statistics of the long texts would cost more than they could save.
ANALYZE ims_routed (line, fund, reference, content, kind, problem)
