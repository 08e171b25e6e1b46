DROP FUNCTION IF EXISTS ims_append_only();
