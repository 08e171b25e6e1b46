DROP TRIGGER IF EXISTS ims_batch_has_rows ON imports_importbatch;
DROP TRIGGER IF EXISTS ims_import_row_changed ON imports_importrow;
DROP TRIGGER IF EXISTS ims_import_row_inserted ON imports_importrow;
DROP FUNCTION IF EXISTS ims_batch_has_rows();
DROP FUNCTION IF EXISTS ims_import_row_names_what_exists();
DROP FUNCTION IF EXISTS ims_import_row_changed();
