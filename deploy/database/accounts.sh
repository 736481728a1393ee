#!/usr/bin/env bash
# One account for each process of a larger site, made once, when its database is made.
#
# An account may work as its own role and as no other, so that a process that was broken into reaches
# what that process reaches. `tidewell migrate` signs in as the owner and finds the roles here.
set -euo pipefail

for process in ingest alerts portal; do
    password=$(cat "/run/secrets/database_password_$process")
    # The text is quoted, because psql fills in variables in what it reads, not in what it is given by -c.
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=role="tidewell_$process" --set=password="$password" \
        --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE :"role" NOLOGIN;
SELECT :'role' || '_account' AS account \gset
CREATE ROLE :"account" LOGIN NOINHERIT PASSWORD :'password' IN ROLE :"role";
SQL
done
