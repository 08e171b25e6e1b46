DROP FUNCTION IF EXISTS ims_vat_within(numeric, numeric);
