"""Where ingest takes the policy of detection from."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ingest.service import run_ingest
from tidewell.errors import UsageError
from tidewell.settings import load_settings


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot read"), ("[budgets]\nmood = 1\n", "mood"), ("[[limits]]\n", "limits")],
)
async def test_a_policy_that_cannot_be_used_ends_ingest_before_it_reaches_for_anything(
    tmp_path: Path, content: str | None, says: str
) -> None:
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    settings = load_settings({"TIDEWELL_DETECTION_POLICY": str(path)})
    nowhere = ("postgresql://127.0.0.1:1/none", "mqtt://127.0.0.1:1")
    with pytest.raises(UsageError, match=says):
        await run_ingest(settings, *nowhere, "client", stop=asyncio.Event(), owner="test")
