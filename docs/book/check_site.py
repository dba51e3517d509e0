"""Checks the built book: every link and anchor inside it leads somewhere, and no page loads anything from another host.

Links to other sites are counted, not fetched. usage: python docs/book/check_site.py [SITE]
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script", "img", "iframe", "audio", "video", "source", "embed", "object", "input"}  # tags that load their src or data


class Page(HTMLParser):
    """What a page holds: ids, (tag, address) of its links and of what it loads."""

    def __init__(self, text: str):
        """text : HTML"""
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what a tag names."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next", "edit"):
            self.loads.append(given.get("href", ""))
        elif tag in LOADED:
            self.loads += [given[name] for name in ("src", "data", "poster") if name in given]


def faults(site: Path) -> list[str]:
    """One line for each link that leads nowhere and each thing that is loaded from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name}: loads {address} from another host" for address in page.loads if remote(address)]
        found += [f"{name}: {why}" for address in [*page.links, *page.loads] if (why := broken(address, path, site, pages))]
    for path in sorted(site.rglob("*.css")):
        found += [f"{path.relative_to(site)}: loads from another host"] * ("url(http" in path.read_text(encoding="utf-8"))
    return found


def remote(address: str) -> bool:
    """Whether an address is on another host."""
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https")


def broken(address: str, path: Path, site: Path, pages: dict[Path, Page]) -> str:
    """Why an address on the page `path` leads nowhere; "" where it does, or is not of this site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not address:
        return ""
    base = site if parts.path.startswith("/") else path.parent
    goal = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
    goal = goal / "index.html" if goal.is_dir() else goal
    if not goal.is_file():
        return f"link to {address}: no such page"
    if parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].ids | {"__top"}:
        return f"link to {address}: no such anchor"
    return ""


def main(site: Path) -> int:
    """Print the faults; returns the exit status."""
    found = faults(site.resolve())
    print("\n".join(found) or f"{site}: links and anchors lead somewhere, nothing is loaded from other hosts")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "site/book")))
