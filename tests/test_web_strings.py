"""The page's words: every key in every language, the same placeholders, all that the code asks for; and how one is chosen."""

import json
import re

import pytest
from web_folder import WEB, chromium_browser, served, visit

CODE = [path for pattern in ("*.js", "*.html") for path in sorted(WEB.rglob(pattern))]
ASKED = re.compile(r"""\bt\(\s*"([\w.-]+)"|data-t(?:-aria|-placeholder|-title)?="([\w.-]+)\"""")
READ = "async (keys) => { const s = await import('/strings.js'); await s.loadStrings(); return keys.map(([k, v]) => s.t(k, v)); }"


def flat(nested, before=""):
    """{"a": {"b": "x"}} -> {"a.b": "x"}"""
    found = {}
    for name, value in nested.items():
        found |= {before + name: value} if isinstance(value, str) else flat(value, f"{before}{name}.")
    return found


def words(code):
    return flat(json.loads((WEB / "strings" / f"{code}.json").read_text(encoding="utf-8")))


LANGUAGES = sorted(path.stem for path in (WEB / "strings").glob("*.json"))


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_a_language_has_the_keys_of_english_and_their_placeholders(code):
    english, found = words("en"), words(code)
    assert sorted(english.keys() - found.keys()) == [], "missing"
    assert sorted(found.keys() - english.keys()) == [], "superfluous"
    holes = {key: sorted(set(re.findall(r"\{\w+\}", text))) for key, text in english.items()}
    assert {key: sorted(set(re.findall(r"\{\w+\}", found[key]))) for key in english} == holes
    assert [key for key, text in found.items() if not text.strip()] == []


def test_the_code_asks_for_no_word_that_english_lacks():
    english = words("en")
    asked = {a or b: path.name for path in CODE for a, b in ASKED.findall(path.read_text(encoding="utf-8"))}
    assert {key: name for key, name in asked.items() if key not in english and f"{key}.other" not in english} == {}


def test_every_file_of_words_is_offered_and_no_other():
    offered = re.search(r"LANGUAGES = \{(.*?)\}", (WEB / "strings.js").read_text(encoding="utf-8"), re.DOTALL)
    assert sorted(re.findall(r"(\w+):", offered[1])) == LANGUAGES


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """strings.js with two languages of three words."""
    place = tmp_path_factory.mktemp("strings")
    (place / "strings").mkdir()
    code = re.sub(r"LANGUAGES = \{.*?\}", 'LANGUAGES = { en: "English", de: "Deutsch" }', (WEB / "strings.js").read_text())
    (place / "strings.js").write_text(code)
    both = {
        "en": {"a": "{x} of {y}", "only": "English", "n": {"one": "{count} clip", "other": "{count} clips"}},
        "de": {"a": "von {y}: {x}", "n": {"one": "{count} Aufnahme", "other": "{count} Aufnahmen"}},
    }
    for name, some in both.items():
        (place / "strings" / f"{name}.json").write_text(json.dumps(some))
    with served(place) as address:
        yield address


def test_the_address_then_the_browser_then_english_say_the_language(chromium, small):
    clips = [["n", {"count": 1}], ["n", {"count": 1200}]]
    keys = [["a", {"x": 0.5, "y": "<b>"}], ["only", {}], *clips, ["a", {"x": 1}], ["no.key", {}]]
    english = ["0.5 of <b>", "English", "1 clip", "1,200 clips", "1 of {y}", "no.key"]
    german = ["von <b>: 0,5", "English", "1 Aufnahme", "1.200 Aufnahmen", "von {y}: 1", "no.key"]
    with chromium_browser(chromium) as browser:
        for search, locale, expected in (
            ("", "en-US", english),
            ("?lang=de", "en-US", german),
            ("", "de-AT", german),
            ("?lang=en", "de-AT", english),
            ("?lang=xx", "de-AT", german),
            ("?lang=toString", "it-IT", english),
        ):
            page = visit(browser, f"{small}/empty.html{search}", locale=locale)
            assert page.evaluate(READ, keys) == expected, (search, locale)
            assert page.evaluate("document.documentElement.lang") == ("de" if expected is german else "en")
            page.context.close()


def test_a_choice_fills_the_page_and_stays_in_the_address_alone(chromium, small):
    with chromium_browser(chromium) as browser:
        page = visit(browser, f"{small}/empty.html?model=digits", locale="en-US")
        page.evaluate("""async () => {
          document.body.innerHTML = '<p data-t="only"></p><button data-t-aria="n.one" data-t-title="a">x</button>';
          document.addEventListener("language", ({ detail }) => { window.heard = detail; });
          const { loadStrings, chooseLanguage } = await import("/strings.js");
          await loadStrings();
          await chooseLanguage("de");
        }""")
        assert page.inner_text("p") == "English"
        assert page.get_attribute("button", "aria-label") == "{count} Aufnahme"
        assert page.get_attribute("button", "title") == "von {y}: {x}"
        assert page.evaluate("window.heard") == "de"
        assert page.url.endswith("?model=digits&lang=de")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert page.said == []
