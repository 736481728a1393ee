"""Makes the secrets of a larger site, and the credentials of its devices.

    python3 deploy/make_secrets.py                  what `docker-compose.yml` needs, once
    python3 deploy/make_secrets.py --device NAME    a device of this name may sign in at the broker
    python3 deploy/make_secrets.py --revoke NAME    it may not any more

It needs nothing but Python. It never overwrites a secret, and prints one only when a device gets
it: the broker keeps a salted hash. After a change of devices, tell the broker to read again with
`docker compose kill --signal HUP broker`.
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
DEVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

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
    asked.add_argument("--device", metavar="NAME", help="let this device sign in")
    asked.add_argument("--revoke", metavar="NAME", help="let this device sign in no longer")
    asked.add_argument("--folder", type=Path, default=FOLDER, help="where the secrets are kept")
    options = asked.parse_args()
    if options.device:
        say(f"{options.device}  {add_device(options.folder, options.device)}")
    elif options.revoke:
        remove_user(options.folder, options.revoke)
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
    keep(folder / "broker_url_ingest", f"mqtt://{SERVICE_USER}:{password}@broker:1883")
    if not (folder / PASSWORDS).exists():
        write_users(folder, {SERVICE_USER: hashed(password)})
    keep(folder / "webhook_secret", secret())
    say(f"The secrets are in {folder}; keep a copy where you keep such things.")


def add_device(folder: Path, name: str) -> str:
    """Let a device sign in and return its password, which is not kept."""
    if not DEVICE_NAME.fullmatch(name):
        sys.exit(f"{name!r} cannot be a device; use up to 63 of a-z, 0-9 and -")
    users, password = read_users(folder), secret()
    if name in users:
        sys.exit(f"{name} has a password already; revoke it first, then give it another one")
    write_users(folder, {**users, name: hashed(password)})
    return password


def remove_user(folder: Path, name: str) -> None:
    """Let a device sign in no longer."""
    users = read_users(folder)
    if name == SERVICE_USER or name not in users:
        sys.exit(f"no device {name!r} is in {folder / PASSWORDS}; nothing was changed")
    write_users(folder, {user: value for user, value in users.items() if user != name})


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
