"""ESLint finds nothing in the page's JavaScript, by the rules of eslint.config.mjs; it finds planted mistakes."""

import json

import pytest
from npm_tools import need_npm, npm_program, skip_unless
from web_folder import WEB

ROOT = WEB.parent.parent
PACKAGES = {"eslint": "9.39.1", "@eslint/js": "9.39.1", "eslint-plugin-no-unsanitized": "4.1.5"}
PLANTED = """export function show(element, name) {
  element.innerHTML = `<b>${name}</b>`;
  element.insertAdjacentHTML("beforeend", name);
  return eval(name) == mising;
}
"""

pytestmark = pytest.mark.slow


def eslint(*words):
    return npm_program("node", "cache/npm/node_modules/eslint/bin/eslint.js", "--max-warnings", "0", *words, folder=ROOT)


@pytest.fixture(scope="module", autouse=True)
def fetched():
    need_npm("npm")
    place = ROOT / "cache" / "npm"
    place.mkdir(parents=True, exist_ok=True)
    there = {name: place / "node_modules" / name / "package.json" for name in PACKAGES}
    if any(not path.is_file() or json.loads(path.read_text())["version"] != PACKAGES[name] for name, path in there.items()):
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        quiet = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
        skip_unless(npm_program("npm", "install", *quiet, "--prefix", place, *wanted, folder=ROOT), "eslint")


def test_no_rule_is_broken():
    said = eslint("voicecam/web", "torture")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_planted_mistakes_are_found():
    place = WEB / "planted-for-a-test.js"  # eslint reads no file outside of the project
    place.write_text(PLANTED, encoding="utf-8")
    try:
        found = json.loads(eslint("--format", "json", place).stdout)[0]["messages"]
    finally:
        place.unlink()
    rules = {"no-unsanitized/property", "no-unsanitized/method", "no-eval", "eqeqeq", "no-undef"}
    assert {one["ruleId"] for one in found} == rules
