"""The worker's text is another one whenever what it keeps is another one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from portal.help_lines import load_help_lines
from portal.installing import _version
from tidewell.push_key import load_push_key
from tidewell.settings import load_settings
from tidewell.small_site import Addresses, _stage_environment


def test_other_help_lines_are_another_version() -> None:
    lines = load_help_lines()
    changed = lines.model_copy(update={"review_by": lines.review_by + timedelta(days=1)})
    assert _version(lines) == _version(load_help_lines())
    assert _version(lines) != _version(changed)


def test_a_demo_signs_notifications_with_a_key_of_its_own(tmp_path: Path) -> None:
    addresses = Addresses(str(tmp_path), "postgresql://x", "mqtt://x", "mqtt://x", "http://x", "")
    demo = load_settings({"TIDEWELL_DEMO": "true"})
    environment = _stage_environment(demo, addresses, tmp_path, 8080)
    assert load_push_key(Path(environment["TIDEWELL_PUSH_KEY_FILE"]).read_text(encoding="utf-8"))
    assert environment["TIDEWELL_PUSH_CONTACT"].startswith("mailto:")
    real = _stage_environment(load_settings({}), addresses, tmp_path, 8080)
    assert "TIDEWELL_PUSH_KEY_FILE" not in real
