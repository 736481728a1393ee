-- Batches carry moments that only rise, whatever the clocks do: a replay takes readings in their order. The
-- holder of a shard keeps the last one here, where the next holder finds it. Written by ingest only.

ALTER TABLE shard ADD COLUMN last_moment timestamptz;
COMMENT ON COLUMN shard.last_moment IS 'Moment of the last transaction for this shard; the next one has a later one';
