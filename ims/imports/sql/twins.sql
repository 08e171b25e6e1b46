-- Lines that are alike, numbered. Most files have none, so that sorting all their rows for it would be for nothing.
CREATE TEMPORARY TABLE ims_twin ON COMMIT DROP AS
SELECT line, row_number() OVER (PARTITION BY content ORDER BY line)::int AS occurrence
FROM ims_stage WHERE content IN (SELECT content FROM ims_stage GROUP BY content HAVING count(*) > 1);
ANALYZE ims_twin
