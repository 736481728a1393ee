"""Makes the secrets of a larger site, and the password file of its broker.

    python3 deploy/make_secrets.py              what `docker-compose.yml` needs, once
    python3 deploy/make_secrets.py --devices    these devices may sign in at the broker, no others

It needs nothing but Python. It never overwrites a secret. `--devices` reads what `tidewell device
passwords` prints, salted hashes and no secret, and writes all of it or nothing; then the broker has
to be told to read again:

    docker compose run --rm --no-TTY migrate device passwords \
        | python3 deploy/make_secrets.py --devices
    docker compose kill --signal HUP broker
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("secrets")
PASSWORDS: Final = "broker_passwords"
SERVICE_USER: Final = "tidewell_ingest"
PROCESSES: Final = ("ingest", "alerts", "portal")
DEVICE_LINE: Final = re.compile(
    r"[a-z0-9][a-z0-9-]{0,62}:\$7\$[0-9]{1,9}\$[A-Za-z0-9+/=]{1,64}\$[A-Za-z0-9+/=]{1,128}"
)

SECRET_BYTES: Final = 32
"""256 random bits: nobody guesses them, so the hash below need not be slow."""
ROUNDS: Final = 101
"""What Mosquitto's own tool takes; more would only help words that people chose."""
SALT_BYTES: Final = 12
HASH_BYTES: Final = 64

FOLDER_MODE: Final = 0o700
WRITING_MODE: Final = 0o600
FILE_MODE: Final = 0o444
"""Containers read these files as accounts of their own. The folder keeps everybody else out."""


def main() -> None:
    """Do what the options say."""
    asked = argparse.ArgumentParser(description="Secrets of a larger site.")
    asked.add_argument(
        "--devices", action="store_true", help="take the broker's devices from standard input"
    )
    asked.add_argument("--folder", type=Path, default=FOLDER, help="where the secrets are kept")
    options = asked.parse_args()
    if options.devices:
        count = take_devices(options.folder, sys.stdin.read().splitlines())
        say(f"{count} devices may sign in once the broker has read the file again")
    else:
        make_all(options.folder)


def make_all(folder: Path) -> None:
    """Make every secret that is not there yet."""
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    keep(folder / ".gitignore", "*\n")
    owner = keep(folder / "database_password_owner", secret())
    keep(folder / "database_url_owner", database_url("tidewell", owner))
    for process in PROCESSES:
        password = keep(folder / f"database_password_{process}", secret())
        url = database_url(f"tidewell_{process}_account", password)
        keep(folder / f"database_url_{process}", url)
    keep(folder / "ingest_client_id", f"ingest-{secret()}")
    password = keep(folder / "broker_password_ingest", secret())
    keep(folder / "broker_url_ingest", f"mqtt://{SERVICE_USER}:{password}@broker:1884")
    if not (folder / PASSWORDS).exists():
        write_users(folder, {SERVICE_USER: hashed(password)})
    keep(folder / "webhook_secret", secret())
    say(f"The secrets are in {folder}; keep a copy where you keep such things.")


def take_devices(folder: Path, lines: list[str]) -> int:
    """Let the devices of these lines sign in, and no others; return how many they are."""
    for number, line in enumerate(lines, start=1):
        if not DEVICE_LINE.fullmatch(line):
            sys.exit(
                f"line {number} is not one of `tidewell device passwords`; nothing was changed"
            )
    if not lines:
        sys.exit("no device came in; nothing was changed. Did `tidewell device passwords` fail?")
    service = {SERVICE_USER: read_users(folder)[SERVICE_USER]}
    devices = dict(line.split(":", 1) for line in lines)
    write_users(folder, {**service, **devices})
    return len(devices)


def hashed(password: str) -> str:
    """Return a password as Mosquitto keeps it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, HASH_BYTES)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def read_users(folder: Path) -> dict[str, str]:
    """Return the hash of every user of the broker."""
    path = folder / PASSWORDS
    if not path.exists():
        sys.exit(f"{path} is not there; make the secrets first, without an option")
    lines = path.read_text(encoding="ascii").splitlines()
    return dict(line.split(":", 1) for line in lines)


def write_users(folder: Path, users: dict[str, str]) -> None:
    """Write the broker's users; it reads them only when it is told to.

    The file keeps its place on the disk: the container holds on to that one, not to its name.
    """
    target = folder / PASSWORDS
    if target.exists():
        target.chmod(WRITING_MODE)
    target.write_text("".join(f"{user}:{value}\n" for user, value in users.items()), "ascii")
    target.chmod(FILE_MODE)


def keep(path: Path, value: str) -> str:
    """Write a secret once, and return what is there."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(value)
    path.chmod(FILE_MODE)
    return value


def secret() -> str:
    """Return what nobody guesses, in letters that need no quoting in an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def database_url(user: str, password: str) -> str:
    """Return the address of the database as compose names it."""
    return f"postgresql://{user}:{password}@database:5432/tidewell"


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
