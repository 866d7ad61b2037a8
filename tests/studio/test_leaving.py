"""Out of a model API with four buttons, all in the browser: collect, train, shadow, switch; and one click back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import openai
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id
from homegrown.core.models import Recipe
from homegrown.testing.server import running as served
from homegrown.testing.wire_upstream import wire_upstream
from homegrown.workspace import connect
from tests.monitor.calls import ABOUT, message, rng, topics
from tests.studio.conftest import Studio, running, visiting
from tests.workspace.test_exams import truth_of

SAYS = "Say what the customer wants: card, refund or login. Answer by the label alone."
N_CALLS = 700


class Script:
    """A program that uses OpenAI's client, and whose address alone was changed."""

    def __init__(self, studio):
        key = studio.access.add_key(SYSTEM, "my program", Role.CALLER).secret
        self.client = openai.OpenAI(base_url=f"{studio.origin}/v1", api_key=key, max_retries=2, timeout=30)

    def ask(self, text):
        turns = [{"role": "system", "content": SAYS}, {"role": "user", "content": text}]
        return self.client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=turns)

    def many(self, texts):
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.ask, texts))


def texts(n, seed):
    r = rng(seed)
    return [message(r, list(ABOUT)[i % 3]) for i in range(n)]


def label(upstream):
    """The stub is right but for one kind of message."""
    said = {one: topic for topic, some in ABOUT.items() for one in some}
    upstream.label({"you owe me money": "login"} | {k: v for k, v in said.items() if k != "you owe me money"})


@pytest.fixture
def desk(tmp_path):
    """A real server with gateway and worker before a real stub."""
    with wire_upstream() as upstream, connect(tmp_path / "desk", actor=SYSTEM) as ws:
        label(upstream)
        with running(ws, with_worker=True) as studio:
            yield studio, upstream


def wait_job(page, then):
    """Until the job of the page is done; then the link that it offers."""
    page.wait_for_selector(f"a:has-text('{then}')", timeout=120_000)


@pytest.mark.slow
def test_out_of_a_model_api_with_four_buttons(chromium, desk):
    studio, upstream = desk
    ws = studio.ws
    with visiting(chromium, studio) as visit:
        page = visit.page
        visit.go("/gateway")
        page.fill("#url", upstream.base_url)
        page.fill("#key", "sk-of-the-upstream")
        page.check("text=It stands in a network of our own")
        page.click("form[action='/gateway/upstream'] button")
        page.wait_for_selector("text=The model API is registered")
        visit.shot("leaving-1-gateway", full_page=True)

        script = Script(studio)
        answers = script.many(texts(N_CALLS, 1))
        assert all("x-homegrown-upstream" in a.headers for a in answers)

        # Collect
        visit.go("/gateway/routes/default")
        page.wait_for_selector("text=Nobody has looked yet")
        visit.click("button:has-text('Find tasks')")
        wait_job(page, "See them")
        visit.go("/gateway/routes/default")
        visit.click("a:has-text('Make it a task')")
        page.wait_for_url("**/monitor/tpl_*")
        page.fill("#name", "wish")
        visit.click("button:has-text('Accept')")
        wait_job(page, "Open it")

        # Train
        visit.go("/gateway/routes/default")
        page.select_option("#recipe", "lexical")
        visit.shot("leaving-2-route", full_page=True)
        visit.click("form[action='/train'] button")
        page.wait_for_url("**/train/job_*")
        page.wait_for_selector("#finished", timeout=120_000)

        # Shadow
        visit.go("/gateway/routes/default")
        visit.click("button:has-text('Let it answer silently')")
        page.wait_for_selector("text=answers silently now", timeout=120_000)
        version = ws.store.routes.get("default").config.exit.version_id
        followed(page, lambda: script.ask(texts(1, 99)[0]) and ws.shadow_report(version) is not None)
        script.many(texts(150, 2))
        followed(page, lambda: ws.shadow_report(version).n >= 150)
        visit.go("/gateway/routes/default")
        page.wait_for_selector("text=said the same as the upstream in")
        visit.shot("leaving-3-shadow", full_page=True)

        # The verdict, and the cases that people must judge
        visit.click("a:has-text('See the verdict')")
        page.wait_for_selector(".verdict-word")
        page.select_option("#n", "10")
        visit.click("button:has-text('Draw and answer')")
        page.wait_for_url("**/station?selection=exam_wish_1")
        n_keys = press(page, studio)
        assert n_keys > 0
        visit.go(f"/evaluate/verdict/{version}")
        page.wait_for_selector("text=is right, by people")
        visit.shot("leaving-4-verdict", full_page=True)

        # Switch
        visit.go("/gateway/routes/default")
        page.wait_for_selector("#bounds table")
        page.check("#bounds input[value='0.1']")
        visit.shot("leaving-5-bounds", full_page=True)
        visit.click("button:has-text('Switch')")
        page.wait_for_selector("text=answers what it is sure of", timeout=120_000)
        sure = texts(20, 1)
        followed(page, lambda: any(a.headers.get("x-homegrown-model") == "wish@1" for a in script.many(sure)))
        followed(page, lambda: ws.exit_report("default").n_home > 0)
        visit.go("/gateway/routes/default")
        page.wait_for_selector("text=Answered at home, of the calls")
        visit.shot("leaving-6-answering", full_page=True)
        visit.go("/gateway/calls?route=default")
        assert page.locator("td:has-text('wish@1')").count() > 0
        visit.shot("leaving-7-calls", full_page=True)

        # and one click back
        visit.go("/gateway/routes/default")
        visit.click("button:has-text('Off: back to the upstream')")
        page.wait_for_selector("text=The upstream answers every call again")
        followed(page, lambda: all("x-homegrown-upstream" in a.headers for a in script.many(sure)))
        visit.click("button:has-text('Undo')")
        page.wait_for_selector("text=answers as before")
        followed(page, lambda: any(a.headers.get("x-homegrown-model") == "wish@1" for a in script.many(sure)))


def test_shadow_switch_and_one_click_back(chromium, tmp_path):
    """The second half, in front of a real stub; calls, task and model are there already."""
    with wire_upstream() as upstream, connect(tmp_path / "desk", actor=SYSTEM) as ws:
        label(upstream)
        registered = ws.upstream_at(upstream.base_url, private=True)
        route = ws.put_route("default", upstreams=[registered.name])
        mine = {"model": "gpt-4o-mini", "route_id": route.route_id, "upstream_id": registered.upstream_id}
        calls = topics(rng(1), 420, [SAYS], **mine)
        ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])
        task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="wish").task
        version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical", {}, 0), "wish")
        with served(ws) as bare, visiting(chromium, studio := Studio(bare.origin, ws, bare.access)) as visit:
            script, page, sure = Script(studio), visit.page, texts(6, 1)
            visit.go("/gateway/routes/default")
            page.click("button:has-text('Let it answer silently')")
            page.wait_for_selector("text=answers silently now", timeout=120_000)
            followed(page, lambda: script.many(sure) and ws.shadow_report(version) is not None)
            visit.go("/gateway/routes/default")
            page.wait_for_selector("text=said the same as the upstream in")
            page.wait_for_selector("#bounds table")
            go = page.locator("button:has-text('Switch')")
            page.locator("#bounds input:checked").evaluate("one => { one.checked = false; }")
            assert not go.is_visible(), "there is no bound to switch with"
            page.check("#bounds input[value='0.1']")
            go.click()
            page.wait_for_selector("text=answers what it is sure of", timeout=120_000)
            followed(page, lambda: any(a.headers.get("x-homegrown-model") == "wish@1" for a in script.many(sure)))
            n_out = len(upstream.seen())
            assert script.ask(sure[0]).parse().choices[0].message.content == truth_of(sure[0])
            assert len(upstream.seen()) <= n_out + 1
            page.click("button:has-text('Undo')")
            page.wait_for_selector("text=answers as before")
            followed(page, lambda: all("x-homegrown-upstream" in a.headers for a in script.many(sure)))
            assert ws.store.routes.get("default").config.exit.mode == "shadow"


def followed(page, holds, tries=60):
    """Until the server follows; the browser's own clock waits in between."""
    for _ in range(tries):
        if holds():
            return
        page.wait_for_timeout(150)
    pytest.fail("the server did not follow")


def press(page, studio):
    """Answer what the exam asks, by keys, until nothing waits; how many."""
    n = 0
    names = {c.name: i for i, c in enumerate(studio.ws.store.tasks.find("wish").classes, 1)}
    page.wait_for_selector(".station-text[data-record]:not([data-record=''])", timeout=30_000)
    n_waiting = studio.ws.gold_sample("wish").n_waiting
    while n < n_waiting:
        page.wait_for_selector(".station-text[data-record]:not([data-record=''])", timeout=30_000)
        before = page.get_attribute(".station-text", "data-record")
        assert "●" not in page.inner_text("main"), "nothing is suggested"
        page.keyboard.press(str(names[truth_of(page.inner_text(".station-text"))]))
        page.wait_for_selector(f".station-text:not([data-record='{before}'])", timeout=30_000)
        n += 1
    page.wait_for_selector(".station-saved[data-count='0']", timeout=30_000)
    return n
