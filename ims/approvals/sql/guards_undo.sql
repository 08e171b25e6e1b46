DROP TRIGGER IF EXISTS ims_request_guard ON approvals_request;
DROP FUNCTION IF EXISTS ims_request_guard();
DROP FUNCTION IF EXISTS ims_is_approved_now(bigint, text, numeric);
