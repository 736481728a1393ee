"""A small site's own servers: PostgreSQL and an MQTT broker, on loopback, supervised by us.

They promise what a small site needs: data that survives a crash, nobody let in without a password,
and no server left behind. They never listen beyond this machine; a larger site brings its own.
"""
