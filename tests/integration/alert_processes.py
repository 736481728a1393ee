"""Processes of alerts that a test can kill and freeze, and receivers that remember what they got.

What a receiver got is a list of keys, whatever it speaks: that is all a test of loss has to know.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from tests.integration.fake_providers import LOOPBACK, MailProvider
from tidewell.crashpoints import CrashPoint

SECRET = "a secret of this test"
MAIL_DOMAIN = "service.example"

SERVICE = """
import asyncio, os
from alerts.service import run_alerts
from alerts.watching import service as watching
from tidewell.crashpoints import arm
from tidewell.settings import load_settings
watching.FIRST_LOOK_AFTER_S = watching.LOOK_EVERY_S = 0.2
settings = load_settings()
arm(settings)
asyncio.run(run_alerts(settings, os.environ["DATABASE"], stop=asyncio.Event()))
"""
"""The process of alerts, but that it looks at once and not after its first seconds."""


class Receives(Protocol):
    """A receiver on a real socket."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings that make alerts write to it."""

    @property
    def keys(self) -> list[str]:
        """Return the idempotency key of each message that it got, in order."""


@dataclass
class WebhookReceiver:
    """A receiver of webhooks; `before_answer` may kill whoever sent."""

    url: str = ""
    keys: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"TIDEWELL_WEBHOOK_URL": self.url, "TIDEWELL_WEBHOOK_SECRET": SECRET}

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.keys.append(request.headers["Idempotency-Key"])
        status = self.statuses.pop(0) if self.statuses else 204
        if self.before_answer is not None:
            self.before_answer()
        return web.Response(status=status)


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    """Listen on loopback."""
    heard = WebhookReceiver()
    application = web.Application()
    application.router.add_post("/hook", heard.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    heard.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield heard
    finally:
        await runner.cleanup()


@dataclass
class _MailServer(MailProvider):
    """A mail server; `before_answer` may kill whoever sent."""

    before_answer: Callable[[], None] | None = None

    def _keep(self, sender: str, recipient: str, body: bytes) -> None:
        super()._keep(sender, recipient, body)
        if self.before_answer is not None:
            self.before_answer()


@dataclass
class MailReceiver:
    """A mail server; the key of a mail is the one in its headers, which is in its number too."""

    server: _MailServer = field(default_factory=_MailServer)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TIDEWELL_SMTP_HOST": LOOPBACK,
            "TIDEWELL_SMTP_PORT": str(self.server.port),
            "TIDEWELL_SMTP_SECURITY": "none",
            "TIDEWELL_SMTP_FROM": f"alerts@{MAIL_DOMAIN}",
        }

    @property
    def keys(self) -> list[str]:
        return [str(mail["Idempotency-Key"]) for mail in self.server.mails]


@dataclass
class Receivers:
    """A webhook and a mail server of one site, each on a socket of its own."""

    webhook: WebhookReceiver
    mail: MailReceiver

    @property
    def environment(self) -> dict[str, str]:
        return self.webhook.environment | self.mail.environment

    @property
    def keys(self) -> list[str]:
        return self.webhook.keys + self.mail.keys


@asynccontextmanager
async def both_receivers() -> AsyncIterator[Receivers]:
    """Listen for webhooks and for mails on loopback."""
    mail = MailReceiver()
    async with webhook_receiver() as webhook, mail.server.running():
        yield Receivers(webhook, mail)


@asynccontextmanager
async def alerts_process(
    database_url: str, receiver: Receives, *, crash_at: str = "", **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the process of alerts; it is killed at the end of the block at the latest."""
    environment = {**os.environ, **receiver.environment, "DATABASE": database_url, **more}
    if crash_at:
        environment |= {"TIDEWELL_FAULT_TESTS": "true", "TIDEWELL_CRASH_AT": crash_at}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await process.wait()


POINTS = (
    CrashPoint.IN_INTAKE,
    CrashPoint.AFTER_INTAKE,
    CrashPoint.IN_WAKE,
    CrashPoint.AFTER_WAKE,
    CrashPoint.IN_FOLD,
    CrashPoint.AFTER_FOLD,
    CrashPoint.AFTER_CLAIM,
    CrashPoint.AFTER_SEND_BEFORE_MARK,
    CrashPoint.AFTER_MARK,
    CrashPoint.IN_AUDIT,
)
"""Every place where alerts can be made to die."""
