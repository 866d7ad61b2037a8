"""The documentation tells the truth about what is there."""

import re
from pathlib import Path

import homegrown
from homegrown.cli.main import VERBS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_verb_has_a_page():
    assert len(VERBS) > 6
    missing = [verb for verb in VERBS if not (DOCS / f"{verb}.md").exists()]
    assert not missing


def test_links_lead_somewhere():
    checked = 0
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http:", "https:", "mailto:")):
                checked += 1
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
    assert checked > 10


def test_changelog_and_version_agree():
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf'^version = "{re.escape(homegrown.__version__)}"$', (ROOT / "pyproject.toml").read_text(), re.M)


def test_every_test_that_reliability_names_exists():
    named = re.findall(
        r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", (DOCS / "reliability.md").read_text(encoding="utf-8")
    )
    assert len(named) > 60
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), f"{file}::{test}"
