"""Import this, and the database in memory knows every statement: each registers its own here."""

import tests.simulation.alert_statements
import tests.simulation.concern_statements
import tests.simulation.finding_statements
import tests.simulation.ingest_statements
import tests.simulation.lease_statements
import tests.simulation.operations_statements
import tests.simulation.order_statements
import tests.simulation.sending_statements
import tests.simulation.silence_statements  # noqa: F401 -- imported for what they register
