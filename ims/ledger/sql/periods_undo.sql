DROP TRIGGER IF EXISTS ims_period_keeps_entries ON ledger_accountingperiod;
DROP FUNCTION IF EXISTS ims_period_keeps_entries();
