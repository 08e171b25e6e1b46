DROP FUNCTION IF EXISTS ims_hash_before_erasure(text, text, bytea);
DROP FUNCTION IF EXISTS ims_history_hash(text, bigint, jsonb);
DROP FUNCTION IF EXISTS ims_history_seal_hash(bytea, text, bigint, bigint, integer, text[], bytea, bytea, timestamptz);
DROP FUNCTION IF EXISTS ims_history_digest(text, text[], bigint, bigint);
DROP FUNCTION IF EXISTS ims_history_hashes(text, text[], bigint, bigint);
