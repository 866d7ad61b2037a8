"""The browser code: how much there may be of it, where it comes from, and that a wheel does not go without it."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
STUDIO = ROOT / "src" / "homegrown" / "studio"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_browser_code_stays_small():
    scripts = sorted((FRONTEND / "src").rglob("*.js"))
    islands = [p for p in scripts if p.parent.name == "islands"]
    assert len(scripts) >= 10
    assert 1 <= len(islands) <= 6
    assert max(_lines(p) for p in islands) <= 600
    assert sum(_lines(p) for p in scripts) <= 4000
    assert all(p.read_text().startswith("// @ts-check") for p in scripts)


def test_templates_stay_small_and_hold_no_inline_script_style_or_handler():
    templates = sorted((STUDIO / "templates").rglob("*.html"))
    assert len(templates) >= 20
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert _lines(path) <= 150, path
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe", text), path


def test_the_lock_names_no_host_and_every_file_by_its_hash():
    lock = json.loads((FRONTEND / "package-lock.json").read_text())
    packages = {name: facts for name, facts in lock["packages"].items() if name}
    assert len(packages) > 20
    assert not [name for name, facts in packages.items() if "resolved" in facts]
    assert all("integrity" in facts for facts in packages.values())


def test_colours_are_named_in_one_place():
    sheets = [p for p in (FRONTEND / "src" / "css").glob("*.css") if p.name != "tokens.css"]
    assert len(sheets) >= 5
    for path in sheets:
        found = re.findall(r"#[0-9a-fA-F]{3,8}\b", path.read_text())
        assert not found, f"{path.name} names the colours {found}; they belong in tokens.css"


def test_a_wheel_without_the_bundle_is_refused(tmp_path):
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    with pytest.raises(RuntimeError, match="make studio"):
        hook.check_bundle(tmp_path, "standard")
    hook.check_bundle(tmp_path, "editable")
    (tmp_path / hook.STATIC).mkdir(parents=True)
    (tmp_path / hook.STATIC / "studio.js").write_text("")
    hook.check_bundle(tmp_path, "standard")
