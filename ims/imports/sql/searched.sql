-- Rows whose account is still to be found, with the text to look in.
SELECT r.line, r.fund, concat_ws(' ', nullif(r.reference, ''), nullif(r.end_to_end, ''), nullif(r.narrative, ''))
FROM ims_routed r
LEFT JOIN funds_fund f ON f.code = r.fund
LEFT JOIN ims_unknown u ON u.fund = r.fund AND u.reference = r.reference
LEFT JOIN ims_wrong w ON w.fund = r.fund AND w.reference = r.reference
LEFT JOIN ims_rewritten p ON p.fund = r.fund AND p.reference = r.reference
WHERE r.holder IS NULL AND r.problem = '' AND NOT r.is_parent AND r.kind = ANY({kinds}) AND r.status = 'booked' AND p.fund IS NULL
  AND (r.fund = '' OR w.fund IS NOT NULL OR (u.fund IS NOT NULL AND f.account_must_exist)
       OR (r.reference = '' AND (f.reference_rule_id IS NOT NULL OR f.account_must_exist)))
  AND (r.fund = '' OR f.code IS NOT NULL)
