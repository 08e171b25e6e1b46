-- What is to become of every row. Four steps, each fenced, so that no expression is worked out twice:
-- what the codes mean; where a doubt would send the row; whether it can be posted at all; the outcome and the sentence.
WITH
known AS (
  SELECT r.*, f.code AS known_fund, f.is_active AS fund_in_use, f.vat_code_id AS fund_vat, f.vat_may_be_overridden,
         f.maximum_amount AS fund_maximum, f.is_suspense AS names_suspense,
         f.reference_rule_id IS NOT NULL OR f.account_must_exist AS wants_reference, f.account_must_exist,
         s.effect AS stop_effect, s.message AS stop_message, w.reason AS wrong_reference,
         m.code AS known_method, m.is_active AS method_in_use, m.minimum_amount, m.maximum_amount,
         o.code AS known_office, o.is_active AS office_in_use, v.code AS known_vat,
         e.batch_id AS earlier_batch, e.file_name AS earlier_file, e.other_line AS earlier_line,
         x.sentence AS taken_elsewhere
  FROM (
    SELECT r.line, r.is_parent, r.kind, r.status, r.currency, r.amount, r.received_on, r.bank_reference, r.payer_name,
           r.narrative, r.type_code, r.end_to_end, r.account, r.method_of_payment, r.office, r.vat_code, r.raw, r.problem, r.problem_code, r.problem_field,
           r.content, r.occurrence, r.across, r.rules, r.file_fund, r.file_reference,
           coalesce(n.fund, r.fund) AS fund, coalesce(n.reference, p.proper, r.reference) AS reference,
           CASE WHEN n.line IS NOT NULL THEN n.holder WHEN p.fund IS NOT NULL THEN p.holder ELSE r.holder END AS holder,
           CASE WHEN n.line IS NOT NULL THEN n.stop_reason WHEN p.fund IS NOT NULL THEN p.stop_reason
                ELSE r.stop_reason END AS stop_reason
    FROM ims_routed r
    LEFT JOIN ims_found n ON n.line = r.line
    LEFT JOIN ims_rewritten p ON p.fund = r.fund AND p.reference = r.reference
  ) AS r
  LEFT JOIN funds_fund f ON f.code = r.fund
  LEFT JOIN accounts_stopreason s ON s.id = r.stop_reason AND s.audience <> 'public'
  LEFT JOIN ims_wrong w ON w.fund = r.fund AND w.reference = r.reference
  LEFT JOIN funds_methodofpayment m ON m.code = r.method_of_payment
  LEFT JOIN funds_office o ON o.code = r.office
  LEFT JOIN funds_vatcode v ON v.code = r.vat_code
  LEFT JOIN ims_earlier e ON e.line = r.line
  LEFT JOIN ims_elsewhere x ON x.line = r.line
  OFFSET 0
),
doubted AS (
  SELECT k.*,
    CASE
      WHEN fund = '' OR names_suspense THEN 'no_fund'
      WHEN holder IS NOT NULL AND stop_effect = 'refuse' THEN 'stopped'
      WHEN holder IS NOT NULL THEN CASE WHEN amount > fund_maximum THEN 'too_much' ELSE '' END
      WHEN reference = '' AND wants_reference THEN 'no_reference'
      WHEN wrong_reference IS NOT NULL THEN 'wrong_reference'
      WHEN account_must_exist THEN 'unknown_account'
      WHEN amount > fund_maximum THEN 'too_much'
      ELSE ''
    END AS doubt
  FROM known k
  OFFSET 0
),
weighed AS (
  SELECT d.*,
    CASE
      WHEN doubt <> '' THEN {suspense_vat}
      WHEN vat_code = '' THEN CASE WHEN vat_may_be_overridden THEN coalesce({default_vat}, fund_vat) ELSE fund_vat END
      ELSE vat_code
    END AS posting_vat,
    CASE
      WHEN problem <> '' THEN 'unreadable'
      WHEN is_parent THEN 'split'
      WHEN status <> 'booked' THEN 'pending'
      WHEN kind <> ALL({kinds}) THEN 'not_a_receipt'
      WHEN amount IS NULL THEN 'no_amount'
      WHEN currency <> 'GBP' THEN 'currency'
      WHEN amount = 0 THEN 'zero'
      WHEN amount <> round(amount, 2) THEN 'pence'
      WHEN abs(amount) > 9999999999.99 THEN 'too_large'
      WHEN received_on IS NULL THEN 'no_date'
      WHEN received_on > {today} THEN 'future'
      WHEN length(reference) > 100 OR length(payer_name) > 200 OR length(narrative) > 4000
        OR length(bank_reference) > 200 THEN 'too_long'
      WHEN fund <> '' AND known_fund IS NULL THEN 'unknown_fund'
      WHEN NOT fund_in_use THEN 'fund_not_in_use'
      WHEN method_of_payment = '' THEN 'no_method'
      WHEN known_method IS NULL THEN 'unknown_method'
      WHEN NOT method_in_use THEN 'method_not_in_use'
      WHEN amount < minimum_amount OR amount > maximum_amount THEN 'method_limits'
      WHEN office = '' THEN 'no_office'
      WHEN known_office IS NULL THEN 'unknown_office'
      WHEN NOT office_in_use THEN 'office_not_in_use'
      WHEN vat_code <> '' AND known_vat IS NULL THEN 'unknown_vat'
      WHEN vat_code <> '' AND doubt = '' AND vat_code <> fund_vat AND NOT vat_may_be_overridden THEN 'vat_not_allowed'
      ELSE ''
    END AS fault
  FROM doubted d
  OFFSET 0
),
concluded AS (
  SELECT w.*,
    CASE
      WHEN fault IN ('split', 'pending', 'not_a_receipt', 'zero') OR taken_elsewhere IS NOT NULL THEN 'ignored'
      WHEN fault <> '' OR rate.rate IS NULL THEN 'invalid'
      WHEN earlier_batch IS NOT NULL THEN 'suspected_duplicate'
      WHEN doubt = '' THEN 'to_post'
      WHEN doubt = 'no_fund' OR {doubt_to_suspense} THEN 'to_suspense'
      ELSE 'invalid'
    END AS outcome,
    CASE
      WHEN fault IN ('split', 'pending', 'not_a_receipt', 'zero') THEN fault
      WHEN taken_elsewhere IS NOT NULL THEN 'taken_elsewhere'
      WHEN fault <> '' THEN fault
      WHEN rate.rate IS NULL THEN 'no_vat_rate'
      WHEN earlier_batch IS NOT NULL THEN 'duplicate'
      WHEN doubt = '' AND stop_effect = 'warn' THEN 'stop_warning'
      ELSE doubt
    END AS code
  FROM weighed w
  LEFT JOIN funds_vatrate rate ON rate.vat_code_id = w.posting_vat AND rate.valid_from <= w.received_on
    AND (rate.valid_to IS NULL OR rate.valid_to >= w.received_on)
  OFFSET 0
)
INSERT INTO {target}
  (batch_id, line, outcome, reason_code, reason, field, kind, currency, amount, received_on, file_fund, file_reference,
   fund, account_reference, method_of_payment, office, vat_code, posting_fund, narrative, payer_name, source_reference,
   type_code, end_to_end, account, raw, content, occurrence, across, rules)
SELECT
  {batch}, line, outcome, code,
  CASE WHEN code = '' THEN '' WHEN code = 'unreadable' AND problem LIKE 'Line %' THEN problem ELSE
    'Line ' || line || ': ' || CASE code
      WHEN 'split' THEN 'its parts are posted instead of the whole.'
      WHEN 'pending' THEN 'it is announced or only told of, not booked. Nothing is posted for it; money will come as an entry of its own.'
      WHEN 'not_a_receipt' THEN format('it is %s, which this profile does not post.', CASE kind
        WHEN 'payment' THEN 'money paid out' WHEN 'day_total' THEN 'a total of the day'
        WHEN 'contra' THEN 'a balancing record' WHEN 'instruction' THEN 'an instruction, not money'
        ELSE replace(kind, '_', ' ') END)
      WHEN 'zero' THEN 'the amount is £0.00, so there is nothing to post.'
      WHEN 'taken_elsewhere' THEN taken_elsewhere
      WHEN 'no_amount' THEN 'it has no amount that can be read. Correct the row from the paper or discard it.'
      WHEN 'currency' THEN format('the amount is in “%s”, and only pounds (GBP) can be posted. Enter the pounds the bank credited.', currency)
      WHEN 'pence' THEN format('the amount %s is not in whole pence. Correct it from the original.', amount)
      WHEN 'too_large' THEN format('the amount %s is larger than the ledger can hold. Correct it from the original.', amount)
      WHEN 'no_date' THEN 'it has no date that can be read. Enter the day the money was received.'
      WHEN 'future' THEN format('its date, %s, is in the future. Enter the day the money was received.', to_char(received_on, 'FMDD Mon YYYY'))
      WHEN 'too_long' THEN 'a text is longer than IMS keeps (reference 100, payer and bank''s reference 200, narrative 4,000 characters). Shorten it.'
      WHEN 'unknown_fund' THEN format('there is no fund “%s”. Choose the fund, or leave it blank to post to suspense.', left(fund, 40))
      WHEN 'fund_not_in_use' THEN format('fund %s is no longer in use. Choose another.', fund)
      WHEN 'no_method' THEN 'neither the file nor its profile names a method of payment. Choose one.'
      WHEN 'unknown_method' THEN format('there is no method of payment “%s”. Choose one.', left(method_of_payment, 40))
      WHEN 'method_not_in_use' THEN format('method of payment %s is no longer in use. Choose another.', method_of_payment)
      WHEN 'method_limits' THEN format('£%s is outside the limits of method of payment %s (£%s to £%s). Check the amount or choose another method.',
        to_char(amount, 'FM999,999,999,990.00'), method_of_payment, to_char(minimum_amount, 'FM999,999,999,990.00'), to_char(maximum_amount, 'FM999,999,999,990.00'))
      WHEN 'no_office' THEN 'neither the file nor its profile names an office. Choose one.'
      WHEN 'unknown_office' THEN format('there is no office “%s”. Choose one.', left(office, 40))
      WHEN 'office_not_in_use' THEN format('office %s is no longer in use. Choose another.', office)
      WHEN 'unknown_vat' THEN format('there is no VAT code “%s”. Choose one, or leave it blank for the fund''s own.', left(vat_code, 40))
      WHEN 'vat_not_allowed' THEN format('VAT code %s is not that of fund %s (%s), which allows no other. Leave it blank for the fund''s own.', vat_code, fund, fund_vat)
      WHEN 'no_vat_rate' THEN format('VAT code %s has no rate on %s. Ask finance to add one.', posting_vat, to_char(received_on, 'FMDD Mon YYYY'))
      WHEN 'duplicate' THEN format('the same line was received in %s (import %s, line %s). Decide whether it is the same money or a second receipt.', earlier_file, earlier_batch, earlier_line)
      WHEN 'stop_warning' THEN format('account %s: %s', reference, stop_message)
      WHEN 'no_fund' THEN 'nothing says which fund it belongs to.'
      WHEN 'no_reference' THEN format('it has no account reference, and fund %s needs one.', fund)
      WHEN 'wrong_reference' THEN wrong_reference
      WHEN 'unknown_account' THEN format('fund %s has no account “%s”.', fund, left(reference, 60))
      WHEN 'stopped' THEN format('account %s is stopped: %s', reference, stop_message)
      WHEN 'too_much' THEN format('£%s is more than fund %s takes in one receipt (£%s).',
        to_char(amount, 'FM999,999,999,990.00'), fund, to_char(fund_maximum, 'FM999,999,999,990.00'))
      ELSE problem
    END END,
  CASE code
    WHEN '' THEN '' WHEN 'no_amount' THEN 'amount' WHEN 'currency' THEN 'amount' WHEN 'pence' THEN 'amount'
    WHEN 'too_large' THEN 'amount' WHEN 'method_limits' THEN 'amount' WHEN 'too_much' THEN 'amount'
    WHEN 'no_date' THEN 'received_on' WHEN 'future' THEN 'received_on'
    WHEN 'unknown_fund' THEN 'fund' WHEN 'fund_not_in_use' THEN 'fund' WHEN 'no_fund' THEN 'fund'
    WHEN 'no_method' THEN 'method_of_payment' WHEN 'unknown_method' THEN 'method_of_payment'
    WHEN 'method_not_in_use' THEN 'method_of_payment'
    WHEN 'no_office' THEN 'office' WHEN 'unknown_office' THEN 'office' WHEN 'office_not_in_use' THEN 'office'
    WHEN 'unknown_vat' THEN 'vat_code' WHEN 'vat_not_allowed' THEN 'vat_code' WHEN 'no_vat_rate' THEN 'vat_code'
    WHEN 'no_reference' THEN 'account_reference' WHEN 'wrong_reference' THEN 'account_reference'
    WHEN 'unknown_account' THEN 'account_reference' WHEN 'stopped' THEN 'account_reference'
    ELSE coalesce(problem_field, '')
  END,
  kind, currency, CASE WHEN abs(amount) < 1e12 THEN amount END, received_on, file_fund, file_reference, fund, reference,
  method_of_payment, office,
  CASE WHEN outcome IN ('to_post', 'to_suspense') THEN posting_vat ELSE vat_code END,
  CASE WHEN outcome IN ('ignored', 'invalid') THEN '' WHEN doubt = '' THEN fund ELSE {suspense_fund} END,
  narrative, payer_name, bank_reference, type_code, end_to_end, account, raw, content, occurrence, across, rules
FROM concluded
