-- What an entry names exists: its posting, fund, method, office, VAT code and the entry it corrects. The foreign keys
-- that said so looked each of them up for every row, which was a third of the work of posting a large file. The same
-- promise is kept here once for each statement, and from the other side by the triggers on what is named.

-- 1. Every code that the new entries name is there, and stays until the transaction ends (FOR KEY SHARE, as a foreign
--    key holds it): whoever would remove it waits, and is then refused by (2). Postings and entries cannot be removed.
CREATE FUNCTION ims_entry_names_what_exists() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  named record;
  held integer;
  missing text;
BEGIN
  SELECT array_agg(DISTINCT posting_id) AS postings, array_agg(DISTINCT fund_id) AS funds,
         array_agg(DISTINCT method_of_payment_id) AS methods, array_agg(DISTINCT office_id) AS offices,
         array_agg(DISTINCT vat_code_id) AS vat_codes, bool_or(corrects) AS corrects
  INTO named
  FROM (SELECT posting_id, fund_id, method_of_payment_id, office_id, vat_code_id, bool_or(corrects_id IS NOT NULL) AS corrects
        FROM added GROUP BY 1, 2, 3, 4, 5) AS told;

  SELECT 'posting ' || id INTO missing FROM unnest(named.postings) AS id
  WHERE NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.id = id.id) LIMIT 1;

  PERFORM 1 FROM funds_fund WHERE code = ANY (named.funds) FOR KEY SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held < cardinality(named.funds) THEN
    missing := coalesce((SELECT 'fund ' || code FROM unnest(named.funds) AS code
      WHERE NOT EXISTS (SELECT 1 FROM funds_fund f WHERE f.code = code.code) LIMIT 1), 'a fund');
  END IF;

  PERFORM 1 FROM funds_methodofpayment WHERE code = ANY (named.methods) FOR KEY SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held < cardinality(named.methods) THEN
    missing := coalesce((SELECT 'method of payment ' || code FROM unnest(named.methods) AS code
      WHERE NOT EXISTS (SELECT 1 FROM funds_methodofpayment m WHERE m.code = code.code) LIMIT 1), 'a method of payment');
  END IF;

  PERFORM 1 FROM funds_office WHERE code = ANY (named.offices) FOR KEY SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held < cardinality(named.offices) THEN
    missing := coalesce((SELECT 'office ' || code FROM unnest(named.offices) AS code
      WHERE NOT EXISTS (SELECT 1 FROM funds_office o WHERE o.code = code.code) LIMIT 1), 'an office');
  END IF;

  PERFORM 1 FROM funds_vatcode WHERE code = ANY (named.vat_codes) FOR KEY SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held < cardinality(named.vat_codes) THEN
    missing := coalesce((SELECT 'VAT code ' || code FROM unnest(named.vat_codes) AS code
      WHERE NOT EXISTS (SELECT 1 FROM funds_vatcode v WHERE v.code = code.code) LIMIT 1), 'a VAT code');
  END IF;

  IF named.corrects THEN
    missing := coalesce((SELECT 'entry ' || n.corrects_id FROM added n WHERE n.corrects_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM ledger_entry o WHERE o.id = n.corrects_id) LIMIT 1), missing);
  END IF;

  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'A line names a code that does not exist: %.', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_names_what_exists';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ims_entry_names_what_exists AFTER INSERT ON ledger_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ims_entry_names_what_exists();

-- 2. A code that an entry names is neither removed nor written otherwise. The argument is the entry's column.
CREATE FUNCTION ims_named_by_the_ledger() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  is_named boolean;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    -- Tests empty their tables between cases, as in ims_append_only.
    IF current_setting('ims.test_flush', true) = 'on' AND current_database() LIKE 'test\_%' THEN
      RETURN NULL;
    END IF;
    SELECT EXISTS (SELECT 1 FROM ledger_entry) INTO is_named;
  ELSE
    IF TG_OP = 'UPDATE' AND NEW.code = OLD.code THEN
      RETURN NULL;
    END IF;
    -- Under a stricter isolation this look would not see what others committed since the transaction began.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'Remove or rename % in a transaction that is READ COMMITTED.', TG_TABLE_NAME
        USING ERRCODE = 'feature_not_supported';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM ledger_entry WHERE %I = $1)', TG_ARGV[0]) INTO is_named USING OLD.code;
  END IF;
  IF is_named THEN
    RAISE EXCEPTION 'Entries of the ledger name % of %: it cannot be removed, nor its code changed.',
      CASE TG_OP WHEN 'TRUNCATE' THEN 'rows' ELSE OLD.code END, TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'named_by_the_ledger';
  END IF;
  RETURN NULL;
END $$;

DO $build$
DECLARE
  named record;
BEGIN
  FOR named IN SELECT * FROM (VALUES ('funds_fund', 'fund_id'), ('funds_methodofpayment', 'method_of_payment_id'),
                                     ('funds_office', 'office_id'), ('funds_vatcode', 'vat_code_id')) AS n (tab, col)
  LOOP
    EXECUTE format('CREATE TRIGGER ims_named_by_the_ledger AFTER DELETE OR UPDATE OF code ON %I
                    FOR EACH ROW EXECUTE FUNCTION ims_named_by_the_ledger(%L)', named.tab, named.col);
    EXECUTE format('CREATE TRIGGER ims_named_by_the_ledger_table BEFORE TRUNCATE ON %I
                    FOR EACH STATEMENT EXECUTE FUNCTION ims_named_by_the_ledger()', named.tab);
  END LOOP;
END $build$;
