DROP FUNCTION IF EXISTS ims_event_seal_hash(bytea, bytea, integer, bigint, timestamptz);
DROP FUNCTION IF EXISTS ims_event_digest(audit_event);
