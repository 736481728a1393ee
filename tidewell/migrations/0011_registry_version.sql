-- Whether people, devices, assignments or pauses changed, without reading them all: ingest asks every two
-- seconds. A row a table, so that a long enrolment does not hold up a pause. Written by triggers only.

CREATE TABLE registry_version (
    part text PRIMARY KEY,
    version bigint NOT NULL
);
INSERT INTO registry_version (part, version)
VALUES ('person', 0), ('device', 0), ('device_assignment', 0), ('pause', 0);

CREATE FUNCTION note_registry_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE registry_version SET version = version + 1 WHERE part = TG_TABLE_NAME;
    RETURN NULL;
END
$$;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON person
FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change();
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON device
FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change();
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON device_assignment
FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change();
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pause
FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change();

GRANT SELECT ON registry_version TO tidewell_ingest;
