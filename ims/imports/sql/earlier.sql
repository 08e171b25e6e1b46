-- The same line, and the same of its twins, in an earlier file. Within a profile the whole line is compared; between
-- profiles of one bank account (an intraday report and the statement of the day) what the bank says of the money.
INSERT INTO ims_earlier
WITH mine AS MATERIALIZED ({rows}),
theirs AS MATERIALIZED (
  SELECT batch_id, line, content, occurrence, across FROM imports_importrow
  WHERE batch_id = ANY ({same}::bigint[] || {across}::bigint[])
    AND outcome IN ('to_post', 'to_suspense', 'corrected', 'posted_separately')
)
SELECT DISTINCT ON (line) line, batch_id, file_name, other_line
FROM (
  SELECT m.line, t.batch_id, t.line AS other_line
  FROM mine m JOIN theirs t ON t.content = m.content AND t.occurrence = m.occurrence
  WHERE t.batch_id = ANY ({same}::bigint[])
  UNION ALL
  SELECT m.line, t.batch_id, t.line
  FROM (SELECT line, across, row_number() OVER (PARTITION BY across ORDER BY line) AS nth
        FROM mine WHERE across IS NOT NULL AND cardinality({across}::bigint[]) > 0) AS m
  JOIN (SELECT batch_id, line, across, row_number() OVER (PARTITION BY batch_id, across ORDER BY line) AS nth
        FROM theirs WHERE across IS NOT NULL AND batch_id = ANY ({across}::bigint[])) AS t
    ON t.across = m.across AND t.nth = m.nth
) AS found
JOIN imports_importbatch b ON b.id = found.batch_id
ORDER BY line, batch_id;
ANALYZE ims_earlier
