"""The headers that keep other sites' pages and scripts out: of the server's answers, and of the static site on a host that
takes a file of headers. Answers nothing.
"""

import re

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
COMMON = {
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HEADERS = {"Content-Security-Policy": POLICY, **COMMON, "Cache-Control": "no-store"}  # of every answer of the server
LIVE_POLICY = POLICY.replace("script-src 'self';", "script-src 'self' 'wasm-unsafe-eval'; manifest-src 'self';")
ONLY_HTTPS = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}  # two years; by plain http browsers ignore it
FRAMES = {"X-Frame-Options": "SAMEORIGIN"}  # the book's theme has scripts in its pages, so that it has no policy to say this


def site_headers(page: str) -> str:
    """The text of a file `_headers`, as Netlify and Cloudflare Pages read it. The page's policy is its own, and that no other
    page may frame it, which a page cannot say itself.

    page : index.html
    """
    own = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert own is not None
    policy = {"Content-Security-Policy": f"{own[1]}; frame-ancestors 'none'"}
    parts = {"/*": COMMON | ONLY_HTTPS | FRAMES, "/": policy, "/index.html": policy}
    lines = [[path, *(f"  {name}: {value}" for name, value in headers.items())] for path, headers in parts.items()]
    return "".join(f"{line}\n" for part in lines for line in part)
