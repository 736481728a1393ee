-- Readings in an ordinary table. When they came in is looked up by block range.
CREATE INDEX reading_received ON reading USING brin (received_at);
