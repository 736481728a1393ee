"""Serves the real pages from a thread, so that a synchronous browser can look at them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Queue

from portal.context import DemoSignIn
from portal.service import run_portal
from tests.browser.virtual_site import PASSWORD, Site, write_site
from tidewell.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class ServedSite:
    """A site with its address."""

    url: str
    database_url: str
    site: Site


@contextmanager
def serve(database_url: str, more: Mapping[str, str] | None = None) -> Iterator[ServedSite]:
    """Write a virtual site and serve it until the end of the block; `more` are further settings."""
    site = write_site(database_url)
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0", "TIDEWELL_DEMO": "true", **(more or {})})
    answers: Queue[str | BaseException] = Queue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=_run, args=(loop, settings, database_url, stop, answers), daemon=True
    )
    thread.start()
    try:
        answer = answers.get(timeout=60)
        if isinstance(answer, BaseException):
            raise answer
        yield ServedSite(answer, database_url, site)
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        loop.close()


def _run(
    loop: asyncio.AbstractEventLoop,
    settings: Settings,
    database_url: str,
    stop: asyncio.Event,
    answers: Queue[str | BaseException],
) -> None:
    demo_sign_ins = [DemoSignIn("Practitioner", "jo", PASSWORD)]
    try:
        loop.run_until_complete(
            run_portal(
                settings, database_url, stop=stop, on_ready=answers.put, demo_sign_ins=demo_sign_ins
            )
        )
    except BaseException as error:  # noqa: BLE001 -- handed to the test, which raises it
        answers.put(error)
