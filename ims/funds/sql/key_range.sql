-- Equality as an overlap of one-value ranges, so that "the same key never twice at the same time" can be an exclusion
-- constraint without the btree_gist extension. A missing part counts as its own value.
CREATE OR REPLACE FUNCTION ims_key_range(VARIADIC parts text[]) RETURNS int8range
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT int8range(key, key, '[]')
  FROM (SELECT hashtextextended(array_to_string(parts, chr(31), chr(30)), 0) >> 1) AS hashed (key)
$$;
