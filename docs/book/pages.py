"""The book's pages, for mkdocs: which files of the repository they are, their order, and where their links lead.

The pages keep their paths, so a link between two of them is the same here and there. A link to any other file of the repository
leads to the reference page of its folder if it is a module, and else becomes plain text. Nothing is executed.
"""

import posixpath
import re
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element

import notebooks
import reference
from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]  # of the repository
PARTS = {  # part of the book -> its pages, a part's first one is its index
    "Course": ["nbs/README.md", "nbs/[0-9]*.ipynb", "nbs/TEACHING.md"],
    "Solutions": ["nbs/solutions/[0-9]*.ipynb"],
    "Documentation": ["docs/*.md", "results/README.md"],
    "Models": ["voicecam/models/README.md", "voicecam/models/EXPERIMENTS.md", "voicecam/models/*/README.md"],
    "API reference": [],
    "Project": ["CONTRIBUTING.md", "CHANGELOG.md"],
}
FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', re.DOTALL)
REMOTE_PICTURE = re.compile(r'<img\b[^>]*\bsrc="(?:https?:)?//[^>]*>')
outputs: dict[str, list[str]] = {}  # of each notebook, the HTML that its cells showed


def sources(part: str) -> list[str]:
    """Paths of a part's files in the repository, in the order of the book."""
    found = [path.relative_to(ROOT).as_posix() for pattern in PARTS[part] for path in sorted(ROOT.glob(pattern))]
    return list(dict.fromkeys(found))


def page_of(source: str) -> str:
    """The book's name for a file: that of the repository, with .md for a notebook."""
    return re.sub(r"\.ipynb$", ".md", source)


def entry(source: str) -> str | dict[str, str]:
    """A file's entry in the list of contents: its own first heading, but for model cards, which are called as their folders."""
    found = re.fullmatch(r"voicecam/models/(.+)/README\.md", source)
    return {found[1]: source} if found else page_of(source)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the list of contents."""
    parts: dict[str, list] = {part: [entry(source) for source in sources(part)] for part in PARTS}
    parts["Course"].append({"Solutions": parts.pop("Solutions")})
    parts["API reference"] = list(reference.pages(ROOT))
    config.nav = [{"Home": "README.md"}, *({part: pages} for part, pages in parts.items() if pages)]
    config.markdown_extensions.append(LinksExtension())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures, each at its path in the repository."""
    for source in ["README.md", *(source for part in PARTS for source in sources(part))]:
        if source.endswith(".ipynb"):
            text, outputs[page_of(source)], pictures = notebooks.page(ROOT / source)
            for name, data in pictures.items():
                files.append(File.generated(config, posixpath.join(posixpath.dirname(source), name), content=data))
            files.append(File.generated(config, page_of(source), content=text))
        else:
            files.append(File.generated(config, source, abs_src_path=str(ROOT / source)))
    for source in sorted((ROOT / "docs").glob("*.png")):
        files.append(File.generated(config, source.relative_to(ROOT).as_posix(), abs_src_path=str(source)))
    for name, text in reference.pages(ROOT).items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Tell the links where they stand, and write lists and folded parts as Python-Markdown wants them."""
    LinksExtension.place, LinksExtension.files = page.file.src_uri, files
    page.meta.pop("tags", None)  # a model card's, for a hub; the search would put them first
    return notebooks.portable(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the notebooks' HTML outputs in their places; formulas become MathML, which browsers draw themselves, and a picture on
    another host, such as a badge, becomes what it says."""
    for number, output in enumerate(outputs.get(page.file.src_uri, [])):
        html = html.replace(f"<p>{notebooks.PLACE.format(number)}</p>", output, 1)
    html = REMOTE_PICTURE.sub(lambda found: (re.search(r'alt="([^"]*)"', found[0]) or ("", ""))[1], html)
    return FORMULA.sub(lambda found: mathml(found[2], block=found[1] == "div"), html)


def mathml(latex: str, *, block: bool) -> str:
    """A formula as MathML."""
    return convert(unescape(latex), display="block" if block else "inline")


def target(link: str, place: str, files: Files) -> str | None:
    """Where a link on the page `place` leads in the book, None where that is no page; links that are broken stay as they are."""
    path, hash_, anchor = link.partition("#")
    source = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
    if not path or re.match(r"\w+:", link) or not (ROOT / source).exists():
        return link
    goal = next((name for name in candidates(source) if files.get_file_from_path(name)), None)
    return goal and posixpath.relpath(goal, posixpath.dirname(place) or ".") + hash_ + anchor


def candidates(source: str) -> list[str]:
    """Pages that may stand for a file or folder of the repository, the best first."""
    first = next((page_of(path) for part in PARTS for path in sources(part) if path.startswith(f"{source}/")), source)
    return [page_of(source), f"{source}/README.md", *reference.page_of(source), first]


class Links(Treeprocessor):
    """Sends each link where `target` says, or takes it away and leaves its text."""

    def run(self, root: Element) -> None:
        """Change the links of a page."""
        for link in root.iter("a"):
            goal = target(link.get("href", ""), LinksExtension.place, LinksExtension.files)
            if goal is None:
                link.tag = "span"
                del link.attrib["href"]
            else:
                link.set("href", goal)


class LinksExtension(Extension):
    """Links, before mkdocs looks where they lead."""

    place: str
    files: Files

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Register."""
        md.treeprocessors.register(Links(md), "repository", 1)  # mkdocs' own has priority 0
