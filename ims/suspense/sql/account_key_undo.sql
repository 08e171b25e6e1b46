DROP INDEX IF EXISTS suspense_account_key;
