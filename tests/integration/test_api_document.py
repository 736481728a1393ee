"""The lines of docs/api.md run as they stand there, against a served site."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from portal.api.tokens import make_token
from tests.browser.served_site import serve
from tidewell.clock import now_utc
from tidewell.database import Role, connect

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]

BASH = shutil.which("bash") or "bash"

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not on this machine"
)


async def token_of(url: str, username: str) -> str:
    async with await connect(url, Role.PORTAL, "test") as connection:
        made = await make_token(
            connection,
            username,
            "curl",
            may_act=True,
            lasts=timedelta(days=1),
            now=now_utc(),
        )
    assert made is not None
    return made


def test_every_line_of_the_document_runs(database_url: str) -> None:
    assert len(LINES) == 14
    with serve(database_url) as served:
        given = {
            "PATH": os.environ["PATH"],
            "TIDEWELL": served.url,
            "TOKEN": asyncio.run(token_of(database_url, "jo")),
            "MY_TOKEN": asyncio.run(token_of(database_url, "sam")),
            "ALERT": served.site.public_id,
        }
        for line in LINES:
            assert line.startswith("curl ")
            ran = subprocess.run(
                [BASH, "-c", line], env=given, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
            assert ran.stdout, line
