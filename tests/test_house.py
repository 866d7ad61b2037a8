"""Rules of the house that a test can hold."""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import homegrown
from homegrown import errors

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src" / "homegrown").rglob("*.py"))


def _tracked() -> list[Path]:
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).is_file()]


def test_modules_stay_small():
    sizes = [len(p.read_text().splitlines()) for p in MODULES if p.name != "__init__.py"]
    assert len(sizes) > 30
    assert statistics.median(sizes) <= 150
    assert max(sizes) <= 500


def test_public_surface_is_exactly_all():
    assert homegrown.__all__ == [
        "ABSTAIN", "Evaluation", "HomegrownError", "Model", "Recipe", "Record", "Snapshot", "Task", "Workspace", "__version__",
        "connect",
    ]  # fmt: skip
    for name in homegrown.__all__:
        assert getattr(homegrown, name) is not None
    assert set(dir(homegrown)) == set(homegrown.__all__)


def test_every_error_has_a_sentence_a_code_and_a_place_in_the_drawing():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.HomegrownError)]
    assert len(classes) > 15
    for error in classes:
        assert error.__name__ in (errors.__doc__ or "")
        assert error().message.endswith(".")
        assert error.exit_code in (1, 2)
        assert 400 <= error.status < 600
    codes = [c.code for c in classes]
    assert len(codes) == len(set(codes))


def test_importing_costs_nothing():
    heavy = "torch transformers lance duckdb pyarrow pandas numpy sklearn fastapi dbos altair sqlalchemy"
    code = f"import sys, homegrown, homegrown.cli.main; print([m for m in '{heavy}'.split() if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_opening_a_workspace_brings_no_library_that_few_commands_use():
    code = "import sys, homegrown.workspace; print([m for m in 'torch sklearn scipy.optimize'.split() if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_no_machine_paths_or_index_hosts_in_the_tree():
    banned = ["/".join(["", "work", ""]) + "shared", ".".join(["pypi", "org"]), ".".join(["npmjs", "org"])]
    checked = 0
    for path in _tracked():
        if path.suffix in {".png", ".ico", ".woff2"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        checked += 1
        for word in banned:
            assert word not in text, f"{path} names {word}"
    assert checked > 20


def test_no_first_party_import_hides_in_a_function():
    allowed = {"src/homegrown/__init__.py", "src/homegrown/cli/main.py", "src/homegrown/plugins.py"}
    found = []
    for path in MODULES:
        name = str(path.relative_to(ROOT))
        if name in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for inner in ast.walk(node):
                    module = getattr(inner, "module", None) if isinstance(inner, ast.ImportFrom) else None
                    if module and module.startswith("homegrown"):
                        found.append(f"{name}:{inner.lineno}")
    assert not found


def _only_narrows(node: ast.Assert) -> bool:
    """``assert name is not None`` with a name or an attribute: it tells the type checker, and changes nothing."""
    match node.test:
        case ast.Compare(left=ast.Name() | ast.Attribute(), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return node.msg is None
    return False


def _guarding_asserts(tree: ast.AST) -> list[int]:
    return [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert) and not _only_narrows(n)]


def test_no_assert_guards_anything():
    """``python -O`` drops asserts; the contracts of ``homegrown.testing`` are tests themselves."""
    checked = [p for p in MODULES if "testing" not in p.relative_to(ROOT).parts]
    assert len(checked) > 150
    found = {str(p.relative_to(ROOT)): _guarding_asserts(ast.parse(p.read_text())) for p in checked}
    assert {k: v for k, v in found.items() if v} == {}
    for bad in ("assert user.may(x)", "assert x", "assert x is not None, 'say'", "assert f() is not None"):
        assert _guarding_asserts(ast.parse(bad)) == [1], bad
    assert _guarding_asserts(ast.parse("assert self._net is not None")) == []
