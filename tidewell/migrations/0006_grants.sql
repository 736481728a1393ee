-- One writer per table. Each process works as its own role; none of them owns a table.
GRANT USAGE ON SCHEMA public TO tidewell_ingest, tidewell_alerts, tidewell_portal, tidewell_enrol;

GRANT SELECT ON person, device, device_assignment, pause TO tidewell_ingest;
GRANT SELECT, INSERT ON reading, dead_letter, episode_event TO tidewell_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON device_cursor, frame_gap, daily_feature, episode, detector_snapshot TO tidewell_ingest;
GRANT SELECT, UPDATE ON shard TO tidewell_ingest;

GRANT SELECT ON person, staff, team, assignment, cover, policy, contact_method,
    episode, episode_event, alert_action TO tidewell_alerts;
GRANT SELECT, INSERT, UPDATE ON alert, delivery TO tidewell_alerts;
GRANT SELECT, INSERT ON alert_event, alert_intake, auditor_run TO tidewell_alerts;

GRANT SELECT ON person, identity, staff, team, assignment, device, device_assignment, cover, policy,
    sign_in, alert, alert_event, delivery, auditor_run, daily_feature, episode, episode_event,
    device_cursor, frame_gap, dead_letter, shard TO tidewell_portal;
GRANT SELECT, INSERT ON alert_action, access_log TO tidewell_portal;
GRANT SELECT, INSERT, UPDATE ON session, pause TO tidewell_portal;
REVOKE EXECUTE ON FUNCTION staff_may_see, readings_for_staff, readings_for_themselves FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_may_see, readings_for_staff, readings_for_themselves TO tidewell_portal;

GRANT SELECT, INSERT, UPDATE
    ON person, identity, staff, team, device, device_assignment, assignment, cover, policy, contact_method, sign_in
    TO tidewell_enrol;
