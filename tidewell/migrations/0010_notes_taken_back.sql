-- A note that its writer took back after the detector was told of it: the detector is told that too.

ALTER TABLE detector_signal DROP CONSTRAINT detector_signal_kind_check;
ALTER TABLE detector_signal ADD CHECK (
    kind IN ('note', 'note_taken_back', 'limits', 'outcome', 'device_model')
);

CREATE INDEX context_note_taken_back ON context_note (context_note_id) WHERE removed_at IS NOT NULL;
CREATE VIEW note_taken_back_for_detector AS
SELECT context_note_id, person_id, kind, first_day, last_day
FROM context_note
WHERE removed_at IS NOT NULL;

GRANT SELECT ON note_taken_back_for_detector TO tidewell_ingest;
