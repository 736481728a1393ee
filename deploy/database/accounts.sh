#!/usr/bin/env bash
# One account for each process of a larger site, made once, when its database is made.
#
# An account may work as its own role, so that a process that was broken into reaches what that process
# reaches; that of the pages may also work as the role that enrols. `tidewell migrate` signs in as the owner and finds the roles here.
set -euo pipefail

export process
for process in ingest alerts portal; do
    # psql reads the password itself: an option would show it in the list of processes.
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=role="tidewell_$process" \
        --set=account="tidewell_${process}_account" \
        --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\set password `cat "/run/secrets/database_password_$process"`
CREATE ROLE :"role" NOLOGIN;
CREATE ROLE :"account" LOGIN NOINHERIT PASSWORD :'password' IN ROLE :"role";
SQL
done

# The pages of administrators write who is here, as the command line does: in the role that enrols.
# Only their own small pool works as it, and only for a signed-in administrator.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=role=tidewell_enrol \
    --set=account=tidewell_portal_account \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE :"role" NOLOGIN;
GRANT :"role" TO :"account";
SQL
