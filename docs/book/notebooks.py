"""A committed notebook -> Markdown, its HTML outputs and its pictures. Executes nothing; what needs a kernel shows its text."""

import base64
import html
import json
import re
from pathlib import Path

PLACE = "nb-output-{}-here"  # stands for an output until the page is HTML
FENCE = re.compile(r"^\s*(```|~~~)")
ITEM = re.compile(r"^(\s*)([-*+]|\d+\.) ")
WIDE = 780  # px: a figure of several panels


def page(path: Path) -> tuple[str, list[str], dict[str, bytes]]:
    """The Markdown of a notebook, the HTML of its outputs in order, and its pictures by path beside the notebook."""
    parts, shown, pictures = [], [], {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            parts.append(text_of(cell["source"]))
        elif cell["cell_type"] == "code":
            parts.append(fenced(text_of(cell["source"]), "python"))
            parts += [output(one, shown, pictures, path.stem) for one in cell["outputs"]]
    return "\n\n".join(parts), shown, pictures


def text_of(source: str | list[str]) -> str:
    """A notebook's text, which is a string or a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def fenced(text: str, language: str) -> str:
    """Text as a block of code, inside a fence longer than any that it holds."""
    marks = max([3, *(len(run) + 1 for run in re.findall("`{3,}", text))]) * "`"
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def output(one: dict, shown: list[str], pictures: dict[str, bytes], stem: str) -> str:
    """One output as Markdown: the richest of its forms that needs no kernel. Adds to `shown` and `pictures`."""
    data = one.get("data", {"text/plain": one.get("text", one.get("traceback", ""))})
    if "image/png" in data:
        name = f"{stem}/{len(pictures) + 1}.png"
        pictures[name] = base64.b64decode(text_of(data["image/png"]))
        alt, width = picture_facts(one)
        return f"![{alt}]({name}){{ {width}loading=lazy }}"
    if "text/html" in data:
        plain = re.sub(r"<table[^>]*>", "<table>", text_of(data["text/html"]))  # tables look as all others do
        shown.append(f'<div class="output">{plain}</div>')
        return PLACE.format(len(shown) - 1)
    if "text/markdown" in data:
        return text_of(data["text/markdown"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", text_of(data.get("text/plain", "")))
    shown.append(f'<pre class="output">{html.escape(text.rstrip())}</pre>')
    return PLACE.format(len(shown) - 1)


def picture_facts(one: dict) -> tuple[str, str]:
    """What a picture is to be read as, and its width as an attribute, as the notebook has them; a wide one is marked as such."""
    facts = one.get("metadata", {}).get("image/png", {})
    alt = facts.get("alt") or one.get("metadata", {}).get("alt") or text_of(one["data"].get("text/plain", ""))
    alt = "figure" if alt.startswith("<") else re.sub(r"[\[\]\n]+", " ", alt)
    width = facts.get("width", 0)
    return alt, f"width={width} " * (width > 0) + ".wide " * (width > WIDE)


def portable(text: str) -> str:
    """CommonMark as Python-Markdown reads it: an empty line before a list, and Markdown inside <details>.

    Lists inside lists have to be indented by four spaces, which both understand.
    """
    lines, fence, before = [], "", ""
    for line in text.splitlines():
        mark = FENCE.match(line)
        if mark and (not fence or line.strip() == fence):
            fence = "" if fence else re.match(r"\s*([`~]+)", line)[1]
        elif not fence:
            line = re.sub(r"<details(?![^>]*markdown)", '<details markdown="1"', line)
            if ITEM.match(line) and before.strip() and not ITEM.match(before) and not before.startswith(" "):
                lines.append("")
        lines.append(line)
        before = line
    return "\n".join(lines) + "\n"
