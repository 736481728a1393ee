-- Readings in a hypertable: a chunk a day; after 7 days, when late readings no longer come, chunks
-- turn into columns by person; after 400 days they go.
CREATE INDEX reading_received ON reading USING brin (received_at);
SELECT create_hypertable('reading', by_range('time', INTERVAL '1 day'), create_default_indexes => false);
ALTER TABLE reading SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'person_id',
    timescaledb.orderby = 'time DESC, device_id'
);
CALL add_columnstore_policy('reading', after => INTERVAL '7 days');
SELECT add_retention_policy('reading', drop_after => INTERVAL '400 days');
