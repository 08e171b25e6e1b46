DROP FUNCTION IF EXISTS ims_key_range(text[]);
