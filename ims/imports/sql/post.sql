SELECT r.line, r.posting_fund AS fund_id, r.account_reference, r.method_of_payment AS method_of_payment_id,
       r.office AS office_id, r.amount, r.vat_code AS vat_code_id, v.rate AS vat_rate, r.narrative, r.payer_name,
       r.source_reference, r.line AS source_line, r.received_on,
       CASE WHEN r.received_on = ANY(%(late)s::date[]) THEN %(today)s::date ELSE r.received_on END AS accounting_date
FROM imports_importrow r
JOIN funds_vatrate v ON v.vat_code_id = r.vat_code AND v.valid_from <= r.received_on
  AND (v.valid_to IS NULL OR v.valid_to >= r.received_on)
WHERE r.batch_id = %(batch)s AND {which}
