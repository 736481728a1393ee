-- Ways to reach staff: phones that asked for notifications, addresses that turned out dead, and what
-- providers report about messages that they took.

-- Written by portal only. A browser on a phone belongs to whoever switched it on last.
CREATE TABLE push_subscription (
    push_subscription_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id integer NOT NULL REFERENCES staff,
    endpoint text NOT NULL UNIQUE,
    p256dh text NOT NULL,
    auth text NOT NULL,
    device_label text NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE INDEX push_subscription_by_staff ON push_subscription (staff_id);

-- Written by alerts only. An address that is written down again after it died is alive again.
CREATE TABLE dead_address (
    channel text NOT NULL,
    address text NOT NULL,
    died_at timestamptz NOT NULL,
    what_was_said text NOT NULL,
    PRIMARY KEY (channel, address)
);

-- What a provider reported about a message, without the address; a report and never an acceptance.
-- Written by portal only.
CREATE TABLE delivery_receipt (
    delivery_receipt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    reference text NOT NULL,
    status text NOT NULL,
    received_at timestamptz NOT NULL,
    UNIQUE (channel, reference, status)
);

-- What became of each receipt. Written by alerts only.
CREATE TABLE receipt_intake (
    delivery_receipt_id bigint PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    reason text NOT NULL
);

-- Every way to reach a member of staff that they have now, dead ones marked.
CREATE VIEW staff_address AS
SELECT own.staff_id, own.channel, own.address, own.created_at, own.disabled_at,
       dead_address.died_at IS NOT NULL AS is_dead
FROM (
    SELECT staff_id, channel, address, created_at, disabled_at FROM contact_method
    UNION ALL
    SELECT staff_id, 'web_push', jsonb_build_object(
               'endpoint', endpoint, 'keys', jsonb_build_object('p256dh', p256dh, 'auth', auth)
           )::text, created_at, removed_at
    FROM push_subscription
) AS own
LEFT JOIN dead_address ON dead_address.channel = own.channel AND dead_address.address = own.address
    AND dead_address.died_at >= own.created_at;

GRANT SELECT, INSERT, UPDATE ON push_subscription TO tidewell_portal;
GRANT SELECT, INSERT ON delivery_receipt TO tidewell_portal;
GRANT SELECT, INSERT, UPDATE ON dead_address TO tidewell_alerts;
GRANT SELECT, INSERT ON receipt_intake TO tidewell_alerts;
GRANT SELECT ON delivery_receipt, staff_address TO tidewell_alerts;
GRANT SELECT ON staff_address TO tidewell_portal, tidewell_enrol;
GRANT SELECT ON dead_address, receipt_intake TO tidewell_portal;
