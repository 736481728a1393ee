"""Ways to reach people: one module per channel, all of one shape.

A channel that returns has handed the message over, which is not yet a person knowing of it. One
that cannot raises `ChannelError`: `ChannelUnavailableError` when the same message may pass later,
`ChannelSettingsError` when we are refused and not the message, `DeadAddressError` when nobody is
there any more. It never retries by itself: that is decided, and recorded, elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from alerts.channels.console import Console
from alerts.channels.mail import Mail, mail_server_of
from alerts.channels.sms import Sms, notify_account_of
from alerts.channels.web_push import WebPush, push_sender_of
from alerts.channels.webhook import Webhook
from alerts.deliveries import CONSOLE, WEBHOOK
from tidewell.contact_addresses import APPRISE, EMAIL, SMS, WEB_PUSH
from tidewell.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.deliveries import Message
    from tidewell.settings import Settings

__all__ = ["Channel", "Console", "Mail", "Sms", "WebPush", "Webhook", "open_channels"]


class Channel(Protocol):
    """One way to reach people."""

    async def send(self, message: Message) -> None:
        """Hand a message over, or raise `ChannelError`."""

    async def close(self) -> None:
        """Let go of connections."""


def open_channels(settings: Settings) -> Mapping[str, Channel]:
    """Return the channels that this site can use, by name.

    Raises:
        SettingsError: a channel is set up by halves; the message says what is missing.
    """
    channels: dict[str, Channel] = {CONSOLE: Console()}
    if settings.webhook_secret is not None:
        channels[WEBHOOK] = Webhook(settings.webhook_secret.get_secret_value())
    elif settings.webhook_url is not None:
        raise SettingsError(
            "TIDEWELL_WEBHOOK_URL is set but nothing signs what is posted there;"
            " set TIDEWELL_WEBHOOK_SECRET or TIDEWELL_WEBHOOK_SECRET_FILE too"
        )
    if (server := mail_server_of(settings)) is not None:
        channels[EMAIL] = Mail(server)
    if (sender := push_sender_of(settings)) is not None:
        channels[WEB_PUSH] = WebPush(sender)
    if (account := notify_account_of(settings)) is not None:
        channels[SMS] = Sms(account)
    if settings.apprise:
        from alerts.channels.pilot import Pilot  # noqa: PLC0415 -- pilots alone have it installed

        channels[APPRISE] = Pilot()
    return channels
