DROP TRIGGER access_line_is_final ON access_reviewline;
DROP FUNCTION ims_access_line_is_final();
DROP TRIGGER access_review_is_final ON access_accessreview;
DROP FUNCTION ims_access_review_is_final();
