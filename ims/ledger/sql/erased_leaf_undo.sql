DROP FUNCTION IF EXISTS ims_erased_leaf(bigint, bytea);
