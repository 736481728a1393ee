"""The page "Your tokens": somebody gives their programs a key of their own, and takes it back.

A token is shown once, on the answer to the form that made it. The page asks what the program is, so
that its owner knows in a year which one they may revoke.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from portal.api.tokens import (
    NAME_CHARACTERS_MAX,
    TOKENS_MOST,
    list_tokens,
    make_token,
    revoke_token,
)
from portal.context import Scope, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.signing_in.proof import require_recent_proof

LASTS_DAYS: Final = {"30": "30 days", "90": "90 days", "365": "One year"}

_TOO_MANY: Final = f"You have {TOKENS_MOST} tokens, and more cannot be had. Revoke one first"


class TokenForm(BaseModel):
    """What somebody wants a token for; kept as typed."""

    name: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    scope: str = ""
    days: str = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if not self.name:
            found["name"] = "Enter what the program is"
        elif len(self.name) > NAME_CHARACTERS_MAX:
            found["name"] = f"Shorten the name to {NAME_CHARACTERS_MAX} characters"
        if self.scope not in list(Scope):
            found["scope"] = "Choose what it may do"
        if self.days not in LASTS_DAYS:
            found["days"] = "Choose how long it holds"
        return found


class RevokeForm(BaseModel):
    """Which token somebody takes back."""

    token: Annotated[int, Field(ge=1, le=2**31 - 1)]


async def show_tokens(request: web.Request) -> web.Response:
    """Show which tokens there are; never a token itself."""
    return await _tokens_page(request, TokenForm(), {})


async def make(request: web.Request) -> web.Response:
    """Make a token and show it this once."""
    require_recent_proof(request)
    form = await read_form(request, TokenForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _tokens_page(request, form, errors, status=422)
    async with transaction(request) as connection:
        token = await make_token(
            connection,
            viewer_of(request).username,
            form.name,
            may_act=form.scope == Scope.ACT,
            lasts=timedelta(days=int(form.days)),
            now=now_of(request),
        )
    if token is None:
        return await _tokens_page(request, form, {"name": _TOO_MANY}, status=409)
    return await _tokens_page(request, TokenForm(), {}, token=token)


async def revoke(request: web.Request) -> web.Response:
    """Let a token hold no longer."""
    form = await read_form(request, RevokeForm)
    if form is None:
        raise web.HTTPBadRequest
    username, now = viewer_of(request).username, now_of(request)
    async with transaction(request) as connection:
        await revoke_token(connection, form.token, username, now)
    raise web.HTTPSeeOther("/tokens")


async def _tokens_page(
    request: web.Request,
    form: TokenForm,
    errors: dict[str, str],
    *,
    token: str | None = None,
    status: int = 200,
) -> web.Response:
    async with transaction(request) as connection:
        tokens = await list_tokens(connection, viewer_of(request).username, now_of(request))
    values = {
        "token": token,
        "tokens": tokens,
        "form": form,
        "errors": errors,
        "lasts": LASTS_DAYS,
        "name_characters_max": NAME_CHARACTERS_MAX,
    }
    return page(request, "tokens.jinja", values, status)
