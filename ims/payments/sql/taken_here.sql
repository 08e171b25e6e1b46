-- Which of {rows} (line, amount, file_reference, end_to_end, account) tell of card payments that IMS took itself, each with
-- a sentence.
SELECT DISTINCT ON (found.line) found.line,
  format('it is card payment %s, which IMS took itself (%s). %s', a.reference, s.name, CASE
    WHEN a.state = 'undone' THEN 'It failed after all, and its receipt was reversed. Nothing is posted for it here.'
    WHEN p.id IS NOT NULL THEN format('Its £%s is posted as %s-%s already. Nothing is posted for it a second time.',
      to_char(a.paid_total, 'FM999,999,999,990.00'), p.series, lpad(p.number::text, greatest(6, length(p.number::text)), '0'))
    ELSE 'IMS posts it itself once the provider confirms it; see the payment. Nothing is posted for it here.'
  END) AS sentence
FROM (
  SELECT r.line, r.amount, a.id FROM {rows} r JOIN payments_paymentattempt a ON a.provider_id = r.end_to_end
  WHERE r.end_to_end <> ''
  UNION ALL
  -- Our references end in a hyphen and the number of the attempt: few others need looking up. Payers read them too, and
  -- may quote one when they pay by bank transfer what they did not pay by card: what a bank account's statement tells of
  -- is never a card payment, and a payment that was not made leaves nothing out.
  SELECT r.line, r.amount, a.id FROM {rows} r JOIN payments_paymentattempt a ON a.reference = r.file_reference
  WHERE r.file_reference LIKE '%-%' AND r.account = ''
    AND a.state NOT IN ('declined', 'expired', 'cancelled', 'error', 'never_made')
) AS found
JOIN payments_paymentattempt a ON a.id = found.id
JOIN payments_paymentservice s ON s.id = a.service_id
LEFT JOIN ledger_posting p ON p.id = a.posting_id
-- Of a provider that cannot be asked, money that left by its own pages or was taken back by a bank is known from its file
-- alone: only what IMS gave back itself is left out.
WHERE coalesce(found.amount, 0) >= 0 OR s.provider <> ALL ({silent}) OR EXISTS (
  SELECT 1 FROM payments_refund f WHERE f.attempt_id = a.id AND f.amount = -found.amount AND f.state <> 'failed')
ORDER BY found.line, a.id
