SELECT line, is_parent, kind, status, currency, amount, received_on, type_code,
       bank_reference, btrim(reference) AS reference, end_to_end, payer_name, narrative, upper(btrim(fund)) AS fund,
       upper(btrim(method_of_payment)) AS method_of_payment, upper(btrim(office)) AS office,
       upper(btrim(vat_code)) AS vat_code, account, raw, problem, problem_code, problem_field, content,
       fund AS file_fund, reference AS file_reference
FROM ims_stage
