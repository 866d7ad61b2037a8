"""The notebook runs, in a kernel of its own: what a notebook does differently (the event loop, display) is in it."""

import ast
import json
import os
import shutil
from pathlib import Path
from queue import Empty

import pytest
from jupyter_client.manager import start_new_kernel

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = EXAMPLES / "support-desk.ipynb"
FROM_NO_LABELS = EXAMPLES / "from-no-labels.ipynb"


def code_cells(notebook=NOTEBOOK):
    return [c for c in json.loads(notebook.read_text())["cells"] if c["cell_type"] == "code"]


@pytest.fixture
def kernel(tmp_path):
    shutil.copytree(EXAMPLES / "support-desk", tmp_path / "support-desk")
    env = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path), env=env)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, source):
    """The messages of one cell: what it displayed and returned; an error of the cell fails the test."""
    shown = []
    reply = client.execute_interactive(source, timeout=120, output_hook=shown.append)
    assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", [source]))
    return [m["content"]["data"] for m in shown if m["msg_type"] in ("display_data", "execute_result")]


def test_the_notebook_goes_from_the_file_to_a_deployed_model(kernel):
    cells = code_cells()
    assert len(cells) >= 9
    said = {}
    for cell in cells:
        source = "".join(cell["source"])
        try:
            said[source] = run(kernel, source)
        except Empty:
            pytest.fail(f"the kernel fell silent at: {source}")

    def of(words):
        (found,) = (data for source, (data, *_) in ((s, d) for s, d in said.items() if d) if words in source)
        return found

    assert "web_form" in of("to_pandas")["text/html"]
    report = of(".show()")
    assert report["text/html"].startswith("<iframe srcdoc=")
    assert "<script" not in report["text/html"]
    assert "It is right on about" in report["text/html"]
    assert "It is right on about" in report["text/plain"]
    answers = of("predict([")["text/plain"]
    assert "where_is_my_order" in answers
    assert "cancel_subscription" in answers
    assert "refund_request" in of("to_polars")["text/html"]


@pytest.mark.slow
def test_texts_without_labels_become_a_better_model_than_the_answers_alone(kernel):
    said = {}
    for cell in code_cells(FROM_NO_LABELS):
        source = "".join(cell["source"])
        said[source] = run(kernel, source)
    (worth,) = (data for source, (data, *_) in ((s, d) for s, d in said.items() if d) if "worth[name]" in source)
    found = ast.literal_eval(worth["text/plain"])
    assert found["rules, groups and answers"] > found["the answers alone"], found
    assert found["rules, groups and answers"] > 0.8


@pytest.mark.parametrize("notebook", [NOTEBOOK, FROM_NO_LABELS])
def test_the_notebook_is_kept_without_outputs(notebook):
    cells = code_cells(notebook)
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in cells)
