"""Who may ask the server: pages of its own, and where other computers can reach it, who has its token. Answers no question."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse

COOKIE = "voicecam"
PARAMETER = "token"  # of an address: once; then the cookie has it
OTHERS = "other pages may not use this server"
NO_TOKEN = "open the address that the server's terminal shows: it has the token that lets you in"


def new_token() -> str:
    """128 bits by chance, as text."""
    return secrets.token_urlsafe(16)


def from_elsewhere(request: Request) -> bool:
    """Whether another page sent this: by its Origin, or by what the browser says of the sender (Sec-Fetch-Site, W3C Fetch
    Metadata). A link to the page may be followed."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host')}":
        return True
    site = request.headers.get("sec-fetch-site", "none")
    followed = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    return site not in ("none", "same-origin") and not followed


def refuse(status: int, said: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as one line of JSON."""
    return JSONResponse({"error": said}, status, headers)


async def guarded(request: Request, call_next: Callable, *, token: str | None) -> Any:
    """The answer to a request that may ask, or a refusal. token : who has it is let in; None lets everybody in"""
    if from_elsewhere(request):
        return refuse(403, OTHERS)
    if token is None or _has(request.cookies.get(COOKIE), token) or _has(_bearer(request), token):
        return await call_next(request)
    if not _has(request.query_params.get(PARAMETER), token):
        return refuse(401, NO_TOKEN)
    if request.method != "GET":
        return await call_next(request)
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER]
    answer = RedirectResponse(request.url.path + ("?" + urlencode(rest) if rest else ""), 303)  # the token leaves the address
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _bearer(request: Request) -> str | None:
    """The token of a program: Authorization: Bearer TOKEN."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else None


def _has(given: str | None, token: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), token.encode())
