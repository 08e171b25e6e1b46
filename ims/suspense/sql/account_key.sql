-- Payers write references with and without spaces, hyphens and strokes: accounts are found by the letters and digits.
CREATE INDEX suspense_account_key ON accounts_accountholder
  (translate(upper(reference), ' -/.', '') text_pattern_ops);
