-- Whoever leaves the service has no alert any more; each minute it is looked for who owns what.
CREATE INDEX alert_owned ON alert (accepted_by) WHERE state = 'accepted';

-- Whom a decision may ask: the colleagues in a team, found without reading all staff.
CREATE INDEX staff_by_team ON staff (team_id) WHERE team_id IS NOT NULL;
