DROP TRIGGER IF EXISTS ims_entry_names_what_exists ON ledger_entry;
DROP FUNCTION IF EXISTS ims_entry_names_what_exists();
DROP FUNCTION IF EXISTS ims_named_by_the_ledger() CASCADE;
