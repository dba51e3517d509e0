"""The book is built for real: its pages, links and outputs are the repository's; planted faults keep it from being built."""

import ast
import base64
import doctest
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra book is not installed")
bs4 = pytest.importorskip("bs4")  # with JupyterLab
mistune = pytest.importorskip("mistune")  # the same: another program's Markdown

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(
    path.relative_to(ROOT) for path in (ROOT / "nbs").rglob("[0-9]*.ipynb") if ".ipynb_checkpoints" not in path.parts
)
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
TEXTS += [*(ROOT / "docs").glob("*.md"), *(ROOT / "nbs").glob("*.md"), *(ROOT / "voicecam" / "models").rglob("*.md")]
PAGES = ("index", "nbs/00_tour", "docs/RESULTS", "reference/index")
LOAD = '"""Sound."""\n\n\ndef load(path: str) -> int:\n    """Load.\n\n    {} : of a file\n    """\n'
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe|audio|source)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"' >]+)""")
pytestmark = pytest.mark.slow


def build(root: Path, site: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(root / "mkdocs.yml"), "--site-dir", str(site)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("book") / "site"
    done = build(ROOT, place)
    assert done.returncode == 0, done.stderr
    return place


def module(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "book" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@cache
def article(page: Path):
    text = re.search(r"<article.*</article>", page.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    return bs4.BeautifulSoup(re.sub(r"(;base64,)[^\"]+", r"\1", text), "html.parser").article  # sounds are long


def page_of(site: Path, source: Path) -> Path:
    return site / re.sub(r"README$", "index", str(source.with_suffix("")))


def html_of(site: Path, source: Path) -> Path:
    return Path(f"{page_of(site, source)}.html")


def cells(source: Path, kind: str) -> list[dict]:
    found = json.loads((ROOT / source).read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def text_of(source) -> str:
    return "".join(source)


def data_of(source: Path, kind: str) -> list[str]:
    shown = [output.get("data", {}) for cell in cells(source, "code") for output in cell["outputs"]]
    return [text_of(data[kind]) for data in shown if kind in data]


def test_links_lead_somewhere_and_nothing_is_loaded_from_other_hosts(site):
    assert module("check_site").faults(site) == []
    for page in site.rglob("*.html"):  # the same by another way
        assert not ELSEWHERE.findall(page.read_text(encoding="utf-8")), page


def test_every_notebook_is_in_the_list_of_contents_with_its_code_figures_and_sounds(site):
    contents = (site / "nbs" / "index.html").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) >= 18
    for source in NOTEBOOKS:
        page = html_of(site, source)
        title = re.sub(r"^# ", "", text_of(cells(source, "markdown")[0]["source"]).splitlines()[0])
        assert f'href="{page.relative_to(site / "nbs")}"' in contents
        assert " ".join(article(page).find("h1").find(string=True).split()) == title
        blocks = [block.get_text().strip() for block in article(page).select(".highlight code")]
        codes = [text_of(cell["source"]).strip() for cell in cells(source, "code")]
        assert [block for block in blocks if block in codes] == codes
        pictures = [(page.parent / image["src"]).read_bytes() for image in article(page).find_all("img")]
        assert pictures == [base64.b64decode(png) for png in data_of(source, "image/png")]
        assert all(image["alt"] for image in article(page).find_all("img"))
        assert len(article(page).find_all("audio")) == sum("<audio" in html for html in data_of(source, "text/html"))


def counts(html) -> Counter:
    """How often a page has what Markdown makes; outputs of cells apart."""
    found = html.find_all(["h1", "h2", "h3", "li", "ol", "ul", "td", "th", "strong", "pre"])
    return Counter(tag.name for tag in found if not tag.find_parent(class_="output") and "output" not in tag.get("class", []))


@pytest.mark.parametrize("source", [path.relative_to(ROOT) for path in TEXTS] + NOTEBOOKS, ids=str)
def test_markdown_means_here_what_it_means_elsewhere(site, source):
    if source.suffix == ".ipynb":
        text = module("notebooks").page(ROOT / source)[0]
    else:
        text = re.sub(r"\A---\n.*?\n---\n", "", (ROOT / source).read_text(encoding="utf-8"), flags=re.DOTALL)
    other = bs4.BeautifulSoup(mistune.create_markdown(escape=False, plugins=["table"])(text), "html.parser")
    assert counts(article(html_of(site, source))) == counts(other)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def documented(folder: str):
    """(name, docstring) of the functions that a folder hands on, read from the files."""
    place = ROOT / "voicecam" / folder
    listed = re.search(r"^__all__ = \[(.*?)\]", (place / "__init__.py").read_text(), flags=re.DOTALL | re.MULTILINE)
    handed = set(re.findall(r'"(\w+)"', listed[1])) if listed else set()
    for path in place.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name in handed and ast.get_docstring(node):
                yield node.name, ast.get_docstring(node)


@pytest.mark.parametrize("folder", ["audio", "features", "evaluation", "figures", "network", "runs"])
def test_the_reference_leaves_out_no_word_of_a_docstring(site, folder):
    page = article(site / "reference" / f"{folder}.html")
    known = dict(documented(folder))
    assert len(known) > 5
    for name, docstring in known.items():
        heading = page.find(id=re.compile(rf"^voicecam\.{folder}\.(\w+\.)*{name}$"))
        assert words(docstring) - {"Example"} <= words(heading.parent.get_text()), name


def test_the_public_face_stands_on_one_page(site):
    import voicecam

    page = article(site / "reference" / "index.html")
    headings = {heading["id"].split(".")[-1] for heading in page.find_all("h2") if heading.get("id", "").startswith("voicecam.")}
    folders = {link.get_text().split(".")[-1] for link in page.find_all("a") if link.get_text().startswith("voicecam.")}
    assert set(voicecam.__all__) - {"errors"} <= headings | folders
    assert {"load", "record", "train", "Run", "VoiceModel", "Prediction", "Explanation"} <= headings
    assert doctest.testmod(module("docstrings")).failed == 0


@pytest.fixture
def small(tmp_path):
    """A repository of a few files, with all that makes the book."""
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs" / "book", tmp_path / "docs" / "book")
    (tmp_path / "voicecam" / "audio").mkdir(parents=True)
    (tmp_path / "nbs" / "solutions").mkdir(parents=True)
    files = {
        "README.md": "# small\n\nSee [the tour](nbs/00_tour.ipynb#one), [audio](voicecam/audio/__init__.py), [licence](LICENSE).",
        "LICENSE": "free",
        "nbs/README.md": "# course\n\n[solutions](solutions)",
        "voicecam/__init__.py": '"""small."""\n',
        "voicecam/__init__.pyi": "from .audio import load as load\n",
        "voicecam/audio/__init__.py": LOAD.format("path"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def write_notebook(path: Path, *sources: str) -> None:
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "metadata": {}, "source": text} for text in sources]}))


def test_folded_parts_formulas_lists_and_links_to_files_come_out(small):
    badge = "[![Open in Colab](https://colab.research.google.com/badge.svg)](https://colab.research.google.com/x)"
    hidden = "<details><summary>Hint</summary>\n\nTake **two**:\n- one\n- two\n\n```python\nx = 1\n```\n\n</details>"
    formulas = "# Tour\n\n## One\n\nSo $\\frac{a}{b}$ and\n\n$$\\sum_k w_k A_k$$\n\nwhich costs 5 $."
    write_notebook(small / "nbs/00_tour.ipynb", formulas, hidden, badge)
    write_notebook(small / "nbs/solutions/00_tour.ipynb", "# Solution\n\n[tour](../00_tour.ipynb)")
    done = build(small, small / "site")
    assert done.returncode == 0, done.stderr
    tour = article(small / "site/nbs/00_tour.html")
    assert [formula["display"] for formula in tour.find_all("math")] == ["inline", "block"]
    assert tour.find("mfrac").get_text() == "ab"
    assert tour.get_text().count("$") == 1
    assert tour.find("a", string="Open in Colab")["href"].startswith("https://colab")
    folded = tour.find("details")
    assert folded.find("summary").get_text() == "Hint"
    assert folded.find("strong").get_text() == "two"
    assert [item.get_text() for item in folded.find_all("li")] == ["one", "two"]
    assert folded.find("pre").get_text().strip() == "x = 1"
    assert module("check_site").faults(small / "site") == []
    links = {link.get_text(): link["href"] for link in article(small / "site/index.html").select("p a")}
    assert links == {"the tour": "nbs/00_tour.html#one", "audio": "reference/audio.html"}
    assert article(small / "site/nbs/index.html").select_one("p a")["href"] == "solutions/00_tour.html"


def test_faults_keep_the_book_from_being_built(small):
    write_notebook(small / "nbs/00_tour.ipynb", "# Tour\n\n## One\n\n[gone](01_gone.ipynb) [no anchor](../README.md#nowhere)")
    (small / "voicecam/audio/__init__.py").write_text(LOAD.format("voice"))
    (small / "nbs" / "README.md").write_text("# course\n\n")
    done = build(small, small / "site")
    assert done.returncode != 0
    for said in ("01_gone.ipynb", "#nowhere", "'voice' does not appear in the function signature"):
        assert said in done.stderr


def test_the_checker_sees_what_is_wrong(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">a</h1><a href="b.html">b</a><a href="#top">x</a><a href="#low">y</a><a href="https://x.org">z</a>'
    )
    (tmp_path / "c.html").write_text(
        '<script src="https://x.org/a.js"></script><link rel="stylesheet" href="//x.org/a.css"><img src="no.png">'
    )
    (tmp_path / "d.css").write_text("@font-face { src: url(https://x.org/f.woff) }")
    found = module("check_site").faults(tmp_path)
    assert len(found) == 6
    assert sum("no such page" in line for line in found) == 2
    assert sum("no such anchor" in line for line in found) == 1


def test_the_book_reads_on_a_phone_and_searches_without_a_network(site, chromium):
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        for name in PAGES:
            page.goto((site / f"{name}.html").as_uri(), wait_until="domcontentloaded")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
        page.goto((site / "index.html").as_uri())
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator("input.md-search__input").fill("speaker")
        page.locator(".md-search-result__item a").first.wait_for(timeout=20_000)
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
