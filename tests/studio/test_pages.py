"""Every page as HTML and as JSON, in an empty workspace and in a grown one, and for whom."""

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path

import httpx
import pytest
from jinja2 import meta, nodes

from homegrown import studio as package
from homegrown.core.access import Permission, Role
from homegrown.studio import pages, render, routes

PATHS = (
    "/",
    "/ingest",
    "/query",
    "/query/records",
    "/label",
    "/label/mine",
    "/curate",
    "/curate/issues",
    "/train",
    "/evaluate",
    "/serve",
    "/serve/playground",
    "/cost",
    "/cost?calls_per_day=40000&upstream=large-api",
    "/cost/charges",
    "/cost/prices",
    "/cost/plan",
    "/monitor",
    "/gateway",
    "/gateway/calls",
    "/jobs",
    "/govern",
    "/patterns",
)
FRAME = {"frame", "ui", "static"}


def _page_classes() -> list[type]:
    found = [routes.ProblemPage]
    for info in pkgutil.iter_modules(pages.__path__):
        module = importlib.import_module(f"homegrown.studio.pages.{info.name}")
        found += [c for c in vars(module).values() if dataclasses.is_dataclass(c) and hasattr(c, "template")]
    return sorted(set(found), key=lambda c: c.__name__)


def _variables(template: str) -> set[str]:
    """What a template and the parts that it includes ask for."""
    environment = render.environment()
    tree = environment.parse((Path(render.HERE) / "templates" / template).read_text(encoding="utf-8"))
    found = meta.find_undeclared_variables(tree)
    for node in tree.find_all(nodes.Include):
        found |= _variables(node.template.as_const())
    return found


def test_each_template_uses_exactly_the_fields_of_its_page():
    classes = _page_classes()
    assert len(classes) >= 17
    for page in classes:
        fields = {f.name for f in dataclasses.fields(page)}
        assert _variables(page.template) - FRAME == fields, page.__name__


def test_every_page_says_what_it_is():
    for page in _page_classes():
        assert page.__doc__
        assert not page.__doc__.startswith(page.__name__ + "("), f"{page.__name__} has no docstring of its own"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("which", ["empty", "grown"])
def test_every_page_is_html_for_people_and_json_for_programs(request, which, path):
    studio = request.getfixturevalue(which)
    with studio.client() as people, studio.client(accept="application/json") as programs:
        html = people.get(path)
        assert html.status_code == 200, html.text[:2000]
        assert html.headers["content-type"].startswith("text/html")
        assert "unsafe" not in html.headers["content-security-policy"]
        assert "<title>" in html.text
        twin = programs.get(path)
        assert twin.status_code == 200
        assert "as_code" in twin.json()
        assert twin.json().keys() == people.get(path, params={"format": "json"}).json().keys()


@pytest.mark.parametrize("path", PATHS)
def test_every_page_ends_with_the_command_that_does_the_same(grown, path):
    with grown.client() as client:
        assert "As code" in client.get(path).text


def test_numbers_carry_their_doubt(grown):
    version = grown.ws.store.models.versions()[0]
    with grown.client() as client:
        report = client.get(f"/evaluate/{version.version_id}").text
        assert "What more labels would bring" in report
        doubt = r"(± [\d.]+ \(|\([\d.]+% to [\d.]+%, )n = [\d,]+\)"
        assert re.search(r"\d%</span> <span class=\"metric-doubt\">" + doubt, report)
        for path in ("/", "/evaluate", "/serve"):
            assert re.search(doubt, client.get(path).text), path


def test_a_report_offers_to_deploy_only_what_does_not_answer(grown):
    newest, older = grown.ws.store.models.versions()[:2]
    with grown.client() as client:
        live, other = (client.get(f"/evaluate/{v.version_id}").text for v in (newest, older))
    assert ("answers as topic" in live, 'action="/serve/deploy"' in live) == (True, False)
    assert ("answers as topic" in other, 'action="/serve/deploy"' in other) == (False, True)


def test_the_playground_answers_with_its_neighbours(grown):
    version = grown.ws.store.models.versions()[0]
    with grown.client() as client:
        found = client.get(
            "/serve/playground", params={"model": version.version_id, "text": "give my money back", "format": "json"}
        )
        answer = found.json()["answer"]
        assert answer["label"] == "refund"
        assert "ms" in answer["how"]
        assert answer["neighbours"][0]["label"] == "refund"


def test_rollback_is_one_request_and_takes_effect_at_once(grown):
    before = grown.ws.store.endpoints.get("topic").version_id
    with grown.client() as client:
        assert client.post("/serve/rollback", data={"endpoint": "topic"}).status_code == 303
        assert grown.ws.store.endpoints.get("topic").version_id != before
        assert client.post("/serve/rollback", data={"endpoint": "topic"}).status_code == 303
        assert grown.ws.store.endpoints.get("topic").version_id == before


def test_records_are_paged_by_a_cursor(grown):
    with grown.client(accept="application/json") as client:
        first = client.get("/query/records").json()
        assert len(first["records"]) == 50
        second = client.get(first["next_href"]).json()
        assert len(second["records"]) == 40
        assert not second["next_href"]
        ids = [r["record_id"] for r in first["records"] + second["records"]]
        assert len(set(ids)) == 90
        assert first["records"][0]["label"] in ("card", "refund", "login")


def test_sql_answers_and_refuses_in_one_sentence(grown):
    with grown.client(accept="application/json") as client:
        good = client.get("/query", params={"sql": "select source, count(*) as n from records group by all"}).json()
        assert good["rows"] == [["messages.csv", "90"]]
        bad = client.get("/query", params={"sql": "drop table records"})
        assert bad.status_code == 422
        assert bad.json()["problem"].endswith(".")


@pytest.mark.parametrize(
    "path", ["/ingest/up_nothere", "/jobs/job_x", "/train/job_x", "/evaluate/mv_x", "/query/records/x"]
)
def test_what_is_not_there_is_said_on_a_page(grown, path):
    with grown.client() as client:
        found = client.get(path)
        assert found.status_code == 404
        assert "<h1>There is nothing here</h1>" in found.text


def test_without_a_session_one_is_sent_to_sign_in(grown):
    for path in PATHS:
        answer = httpx.get(grown.origin + path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


def test_who_may_open_what(grown):
    allowed = {Role.REVIEWER: 200, Role.ANNOTATOR: 303, Role.CALLER: 403}
    for role, status in allowed.items():
        with grown.client(role) as client:
            assert client.get("/").status_code == status
            assert client.get("/govern").status_code == 403
            assert client.post("/serve/rollback", data={"endpoint": "topic"}).status_code == 403


def test_every_route_draws_its_refusals_and_asks_for_a_permission():
    mine = [r for r in package.ROUTES if not r.path.startswith(("/static", "/favicon"))]
    assert len(mine) >= 25
    assert all(r.refuse is routes.refuse for r in mine)
    assert all(r.permission is not Permission.PUBLIC for r in mine)
    assert all("POST" in r.methods for r in mine if r.form)


def test_two_models_are_compared_on_the_same_records(grown):
    second, first = [v.version_id for v in grown.ws.store.models.versions()[:2]]
    with grown.client(accept="application/json") as client:
        found = client.get("/evaluate/compare", params={"model": [first, second]}).json()
        assert found["verdict"].endswith(".")
        assert [s["accuracy"]["n"] for s in found["sides"]] == [18, 18]
        assert not found["differences"]
        assert "tick two" in client.get("/evaluate/compare", params={"model": [first]}).json()["problem"]


def test_the_report_goes_out_as_one_file_without_script(grown):
    version = grown.ws.store.models.versions()[0]
    with grown.client() as client:
        found = client.get(f"/evaluate/{version.version_id}/report.html")
    assert found.headers["content-disposition"].startswith("attachment")
    assert found.headers["content-security-policy"] == "sandbox"
    assert "<script" not in found.text
    assert "<svg" in found.text
