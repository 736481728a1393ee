-- Proof that no alert is lost: what each look of the auditor found, whose turn it is, a probe that goes
-- the way of an alert, notices about alerts themselves; and the indexes that keep all of it quick with
-- 100,000 open alerts.

ALTER TABLE auditor_run
    ADD COLUMN heartbeat text,
    ADD COLUMN probe_seconds real;
COMMENT ON COLUMN auditor_run.heartbeat IS 'Whether the outside watcher is told that all is well, as a reason';
COMMENT ON COLUMN auditor_run.probe_seconds IS 'How long the latest probe took that arrived';

-- One row: several processes of alerts take turns, and each knows what the others did.
CREATE TABLE alert_watch (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    looked_at timestamptz,
    probed_at timestamptz
);
INSERT INTO alert_watch DEFAULT VALUES;
GRANT SELECT, UPDATE ON alert_watch TO tidewell_alerts;

ALTER TABLE operations_notice
    DROP CONSTRAINT operations_notice_about_check,
    ADD CHECK (about IN ('not_hearing', 'nobody_heard', 'alerts_not_certain'));

-- A probe is about no person (number 0) and goes to nobody; a day later it is forgotten. Alerts may delete
-- nothing else.
CREATE FUNCTION forget_probes(raised_before timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    DELETE FROM public.delivery USING public.alert
    WHERE delivery.alert_id = alert.alert_id AND alert.person_id = 0 AND alert.cause = 'probe'
      AND alert.raised_at < raised_before;
    DELETE FROM public.alert_event USING public.alert
    WHERE alert_event.alert_id = alert.alert_id AND alert.person_id = 0 AND alert.cause = 'probe'
      AND alert.raised_at < raised_before;
    DELETE FROM public.alert
    WHERE person_id = 0 AND cause = 'probe' AND raised_at < raised_before;
END;
REVOKE EXECUTE ON FUNCTION forget_probes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_probes TO tidewell_alerts;

CREATE INDEX alert_unclosed ON alert (alert_id) INCLUDE (state, wake_at) WHERE state <> 'closed';
CREATE INDEX alert_by_raised ON alert (raised_at);
CREATE INDEX delivery_waiting ON delivery (channel, attempt_at) WHERE state = 'waiting';
CREATE INDEX delivery_lately ON delivery (staff_id, channel, attempt_at);
