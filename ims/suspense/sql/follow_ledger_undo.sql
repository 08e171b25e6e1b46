DROP TRIGGER IF EXISTS ims_suspense_after_entries ON ledger_entry;
DROP FUNCTION IF EXISTS ims_suspense_after_entries();
DROP FUNCTION IF EXISTS ims_suspense_follow(bigint[], ledger_posting);
DROP FUNCTION IF EXISTS ims_payer_key(text, text);
