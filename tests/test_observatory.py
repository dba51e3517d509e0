"""The pages' headers by the published rules of Mozilla's HTTP Observatory (developer.mozilla.org/en-US/observatory/docs/
tests_and_scoring), counted here: on the local server, and for the site on a host that reads site/_headers."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from voicecam.server.app import make_app
from voicecam.server.headers import site_headers
from voicecam.server.site import WEB

BROAD = {"*", "http:", "https:", "ftp:", "http://*", "https://*", "http://*.*", "https://*.*"}
UNSAFE = {"'unsafe-inline'", "data:"}
PRIVATE = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
ABOUT_HTTPS = {"redirection", "strict-transport-security"}
SIX_MONTHS = 15_768_000  # s


class Page(HTMLParser):
    """Scripts by their address ("" for one in the page), and what stands in <meta http-equiv>."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.meta, self.inline = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "script":
            self.scripts.append(values.get("src") or "")
        if tag == "meta" and "http-equiv" in values:
            self.meta[values["http-equiv"].lower()] = values["content"]
        if tag == "meta" and values.get("name") == "referrer":
            self.meta["referrer-policy"] = values["content"]
        self.inline += [name for name in values if name.startswith("on") or name == "style"] + [tag] * (tag == "style")


def directives(policy):
    return {name: set(rest) for name, *rest in (part.split() for part in policy.split(";") if part.strip())}


def policy_points(headers, page):
    """Every policy holds, so that a source is allowed where each of them allows it."""
    said = headers.get("content-security-policy"), page.meta.get("content-security-policy")
    policies = [directives(text) for text in said if text]
    if not policies:
        return -25

    def sources(name):
        found = [one.get(name, one.get("default-src", {"*"})) for one in policies]
        return set.intersection(*found)

    if sources("script-src") & (BROAD | UNSAFE) or sources("object-src") & BROAD:
        return -20
    if "'unsafe-eval'" in sources("script-src") | sources("style-src"):
        return -10
    if sources("style-src") & (BROAD | UNSAFE):
        return 0
    return 10 if {"'none'"} in [one.get("default-src") for one in policies] else 5


def frame_points(headers):
    ancestors = directives(headers.get("content-security-policy", "")).get("frame-ancestors", {"*"})
    if not ancestors & BROAD:
        return 5
    return 0 if headers.get("x-frame-options", "").upper() in ("DENY", "SAMEORIGIN") else -20


def cookie_points(cookies, https):
    if not cookies:
        return 0
    parts = [[part.strip().lower().partition("=") for part in one.split(";")] for one in cookies]
    flags = [{name: value for name, _, value in one} for one in parts]
    if not https or any("secure" not in one for one in flags):
        return -40
    if any("httponly" not in one for one in flags):
        return -30
    return 5 if all(one.get("samesite") in ("strict", "lax") for one in flags) else 0


def points(headers, text, *, https, cookies=()):
    """Modifier of each test."""
    page = Page(text)
    referrer = headers.get("referrer-policy") or page.meta.get("referrer-policy", "")
    age = re.fullmatch(r"max-age=(\d+)(; *\w+)*", headers.get("strict-transport-security", ""))
    elsewhere = [urlsplit(address) for address in page.scripts if urlsplit(address).netloc]
    corp = headers.get("cross-origin-resource-policy")
    return {
        "content-security-policy": policy_points(headers, page),
        "cookies": cookie_points(cookies, https),
        "cross-origin-resource-sharing": 0 if "access-control-allow-origin" not in headers else -50,
        "redirection": 0 if https else -20,
        "referrer-policy": 5 if set(re.split(", *", referrer)) <= PRIVATE else -5 if referrer else 0,
        "strict-transport-security": -20 if not (https and age) else 0 if int(age[1]) >= SIX_MONTHS else -10,
        "subresource-integrity": 0 if not elsewhere else -5 if all(one.scheme == "https" for one in elsewhere) else -50,
        "x-content-type-options": 0 if headers.get("x-content-type-options") == "nosniff" else -5,
        "x-frame-options": frame_points(headers),
        "cross-origin-resource-policy": {"same-origin": 10, "same-site": 10, "cross-origin": 0, None: 0}.get(corp, -5),
    }


def score(found):
    """Penalties first; bonuses where 90 is left."""
    left = 100 + sum(value for value in found.values() if value < 0)
    return max(0, left + sum(value for value in found.values() if value > 0) if left >= 90 else left)


def of_path(text, path):
    """Headers that a file _headers gives a path, by Netlify's and Cloudflare's rules: every block that fits."""
    found, fits = {}, False
    for line in text.splitlines():
        if not line.startswith(" "):
            fits = line == path or (line.endswith("*") and path.startswith(line[:-1]))
        elif fits:
            name, _, value = line.strip().partition(": ")
            assert name.lower() not in found, f"{name} twice for {path}"
            found[name.lower()] = value
    return found


INDEX = (WEB / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def client():
    return TestClient(make_app(), base_url="http://127.0.0.1")  # no model is asked: its pages need none


@pytest.mark.parametrize("path", ["/", "/api", "/static/index.html"])
def test_every_page_of_the_local_server_has_130_points_but_for_https(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    found = points({**answer.headers}, answer.text, https=False, cookies=answer.headers.get_list("set-cookie"))
    assert {name for name, value in found.items() if value < 0} == ABOUT_HTTPS  # this computer alone hears it: nothing to encrypt
    assert score({name: value for name, value in found.items() if name not in ABOUT_HTTPS}) == 130
    assert score(found) == 60


@pytest.mark.parametrize("path", ["/", "/index.html"])
def test_the_site_has_130_points_where_its_headers_are_read(path):
    found = points(of_path(site_headers(INDEX), path), INDEX, https=True)
    assert {name: value for name, value in found.items() if value} == {
        "content-security-policy": 10,
        "referrer-policy": 5,
        "x-frame-options": 5,
        "cross-origin-resource-policy": 10,
    }
    assert score(found) == 130


def test_what_github_pages_cannot_set():
    """It sets HSTS on its own domain and allows every origin to read, without credentials, which costs nothing."""
    found = points({"strict-transport-security": "max-age=31556952"}, INDEX, https=True)
    assert {name: value for name, value in found.items() if value} == {
        "content-security-policy": 10,
        "referrer-policy": 5,
        "x-content-type-options": -5,
        "x-frame-options": -20,
    }
    assert score(found) == 75


def test_the_page_has_nothing_that_its_policy_forbids():
    page = Page(INDEX)
    assert page.inline == []
    assert all(address and not urlsplit(address).netloc for address in page.scripts)
    policy = directives(page.meta["content-security-policy"])
    assert policy["script-src"] == {"'self'", "'wasm-unsafe-eval'"}
    assert not any("unsafe-inline" in one or one == "'unsafe-eval'" for sources in policy.values() for one in sources)


def test_the_count_finds_what_is_lacking():
    whole = of_path(site_headers(INDEX), "/")
    lacking = {name: score(points({k: v for k, v in whole.items() if k != name}, "<p>", https=True)) for name in whole}
    assert lacking["content-security-policy"] == 75  # -25, and no bonus below 90; framing is still forbidden
    assert lacking["strict-transport-security"] == 80
    assert lacking["x-content-type-options"] == 100 - 5 + 30
    assert lacking["referrer-policy"] == 125
    assert score(points(whole, '<script src="//elsewhere/x.js"></script>', https=True)) == 50
    assert score(points(whole, "<p>", https=True, cookies=["a=b"])) == 60
    unsafe = whole["content-security-policy"].replace("'self'", "'self' 'unsafe-inline'")
    assert score(points(whole | {"content-security-policy": unsafe}, "<p>", https=True)) == 80
