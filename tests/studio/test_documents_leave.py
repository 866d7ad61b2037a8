"""A route whose calls are answered with documents, in a browser: whole or by field, and the verdict on each field."""

import pytest

from homegrown.core.access import SYSTEM
from homegrown.core.routing import RouteConfig, Target
from homegrown.govern.access import Access
from homegrown.testing.server import running as served
from homegrown.testing.wire_upstream import wire_upstream
from homegrown.workspace import connect
from tests.gateway.conftest import Bed, until
from tests.gateway.test_home_objects import NOTES, READS, Desk, silently
from tests.studio.conftest import Studio, serious, visiting


@pytest.fixture
def desk(tmp_path):
    """A real server before a real stub, and a model of documents that learned from its calls."""
    with wire_upstream() as upstream, connect(tmp_path / "desk", actor=SYSTEM) as ws, served(ws) as running:
        until(lambda: "gateway" in running.app.parts)
        made = Desk(Bed(running, upstream))
        ws.store.routes.put(SYSTEM, "bills", RouteConfig(targets=(Target(made.bed.first.upstream_id),)))
        yield made


@pytest.mark.slow
def test_documents_leave_whole_or_by_field_and_people_judge_each_field(chromium, desk):
    studio = Studio(desk.bed.served.origin, desk.ws, Access(desk.ws.store.db))
    with visiting(chromium, studio) as visit:
        page = visit.page
        visit.go(f"/gateway/routes/bills?prompt={desk.found[READS].template_id}")
        page.wait_for_selector("text=Documents without a call", timeout=60_000)
        page.check("text=Field by field.")
        page.wait_for_selector("text=Fields given at home", timeout=60_000)
        assert page.is_checked("input[name=by][value=field]")
        visit.shot("leaving-by-field", full_page=True)
        assert serious(page) == []
        visit.go(f"/gateway/routes/bills?prompt={desk.found[NOTES].template_id}")
        page.wait_for_selector("text=hold note, which this model does not give", timeout=60_000)
        assert page.is_checked("input[name=by][value=field]")

        silently(desk, 240)
        visit.go(f"/evaluate/verdict/{desk.version.version_id}")
        page.wait_for_selector("h2:has-text('Each field by itself')")
        page.click("form[action='/evaluate/verdict/draw'] button")
        page.wait_for_selector("text=part of an exam", timeout=60_000)
        visit.shot("exam-of-documents", full_page=True)
        visit.go(f"/evaluate/verdict/{desk.version.version_id}")
        visit.shot("verdict-by-field", full_page=True)
        assert serious(page) == []
