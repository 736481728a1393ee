"""Providers on this machine that have bad days: one that speaks HTTP, one that speaks SMTP.

Each keeps what it was given. `Mood` says how it behaves; a provider that is not there at all is one
that was stopped.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum, auto
from typing import Final

HANG_S: Final = 60.0
LOOPBACK: Final = "127.0.0.1"
RETRY_AFTER_S: Final = 120


class Mood(Enum):
    """How a provider behaves."""

    WELL = auto()
    HANGS = auto()
    BUSY = auto()
    BROKEN = auto()
    TAKES_AND_DROPS = auto()
    CLOSES_MIDWAY = auto()
    GONE = auto()
    REFUSES_US = auto()
    REFUSES_IT = auto()


@dataclass(frozen=True)
class Request:
    """One request over HTTP."""

    path: str
    headers: dict[str, str]
    body: bytes


_STATUS: Final = {
    Mood.BUSY: f"429 Too Many Requests\r\nRetry-After: {RETRY_AFTER_S}",
    Mood.BROKEN: "500 Internal Server Error",
    Mood.GONE: "410 Gone",
    Mood.REFUSES_US: "403 Forbidden",
    Mood.REFUSES_IT: "400 Bad Request",
}


@dataclass
class Provider:
    """What both kinds share: a port, a mood, and the connections that are open."""

    mood: Mood = Mood.WELL
    port: int = 0
    connections: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen on a free port, or on the one it had."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self.tasks.add(task)
            self.connections += 1
            try:
                with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                    await self.serve(reader, writer)
            finally:
                self.tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in tuple(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass
class HttpProvider(Provider):
    """Takes POSTs: a receiver of webhooks, a push service, GOV.UK Notify, or what a pilot uses."""

    requests: list[Request] = field(default_factory=list)
    moved_to: str = ""
    answer_body: bytes = b'{"id": "740e5834-3a29-46b4-9a6f-16142fde533a"}'

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if self.mood is not Mood.TAKES_AND_DROPS:
            self.requests.append(Request(head[0].split(" ")[1], headers, body))
        if self.mood is Mood.HANGS:
            await asyncio.sleep(HANG_S)
        if self.mood is Mood.CLOSES_MIDWAY:
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Le")
            await writer.drain()
            return
        status = _STATUS.get(self.mood, "201 Created")
        if self.moved_to:
            status = f"307 Temporary Redirect\r\nLocation: {self.moved_to}"
        size = f"Content-Length: {len(self.answer_body)}"
        kind = "Content-Type: application/json\r\nConnection: close"
        writer.write(f"HTTP/1.1 {status}\r\n{size}\r\n{kind}\r\n\r\n".encode() + self.answer_body)
        await writer.drain()


@dataclass
class MailProvider(Provider):
    """A mail server; it asks for a password where it has one, and offers TLS where it can."""

    password: str | None = None
    tls: ssl.SSLContext | None = None
    is_implicit: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    was_encrypted: bool = False
    refusal: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_implicit and self.tls is not None:
            await writer.start_tls(self.tls)
            self.was_encrypted = True
        if self.mood is Mood.HANGS:
            await asyncio.sleep(HANG_S)
        await self._say(writer, "220 mail.test ESMTP")
        sender = recipient = ""
        while line := (await reader.readline()).decode().strip():
            self.said.append(line)
            verb = line.upper().partition(":")[0]
            if verb == "STARTTLS" and self.tls is not None:
                await self._say(writer, "220 go ahead")
                await writer.start_tls(self.tls)
                self.was_encrypted = True
            elif verb == "DATA":
                await self._say(writer, "354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                if self.mood is Mood.CLOSES_MIDWAY:
                    return
                self._keep(sender, recipient, body)
                await self._say(writer, self.refusal or "250 2.0.0 taken")
            else:
                sender = line if verb == "MAIL FROM" else sender
                recipient = line if verb == "RCPT TO" else recipient
                await self._say(writer, *self._answers(line, verb))

    def _answers(self, line: str, verb: str) -> list[str]:
        if verb.startswith("EHLO"):
            return self._greeting()
        if verb.startswith("AUTH PLAIN"):
            return [self._judge_password(line)]
        return {
            "MAIL FROM": ["250 2.1.0 fine"],
            "RCPT TO": [self._judge_recipient()],
        }.get(verb, ["502 5.5.1 what?"])

    def _greeting(self) -> list[str]:
        return [
            "250-mail.test",
            *(["250-STARTTLS"] if self.tls and not self.was_encrypted else []),
            *(["250-AUTH PLAIN"] if self.password is not None else []),
            "250 8BITMIME",
        ]

    async def _say(self, writer: asyncio.StreamWriter, *lines: str) -> None:
        writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await writer.drain()

    def _judge_password(self, line: str) -> str:
        given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[2]
        is_right = given == self.password and self.mood is not Mood.REFUSES_US
        return "235 2.7.0 in" if is_right else "535 5.7.8 no"

    def _judge_recipient(self) -> str:
        return {
            Mood.BUSY: "451 4.7.1 later, please",
            Mood.BROKEN: "554 5.3.2 the system does not take mail now",
            Mood.GONE: "550 5.1.1 nobody here",
            Mood.REFUSES_US: "550 5.7.1 relaying denied",
            Mood.REFUSES_IT: "553 5.1.3 bad address",
        }.get(self.mood, "250 2.1.5 fine")

    def _keep(self, sender: str, recipient: str, body: bytes) -> None:
        if self.mood is Mood.TAKES_AND_DROPS or self.refusal:
            return
        self.envelopes.append((sender, recipient))
        self.mails.append(
            email.message_from_bytes(body.removesuffix(b".\r\n"), policy=email.policy.default)
        )
