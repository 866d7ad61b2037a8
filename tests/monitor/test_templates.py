"""Every template is found, wordings of one task are joined, two tasks never."""

import pytest

from homegrown.core.traffic import AnswerKind, Volume
from homegrown.monitor.proposals import Suits, propose
from homegrown.monitor.templates import find_templates
from homegrown.monitor.turns import said_in
from homegrown.monitor.wordings import Matcher
from tests.monitor.calls import ABOUT, call, message, rng, topics

TOPIC = (
    "Tell the topic of the message: card, refund or login.",
    "You sort mail of a shop by topic. Topics: login, card, refund.",
)


def _found(calls, known=(), **more):
    return find_templates(lambda: iter(calls), known, **more)


def _urgent(text):
    return "yes" if any(w in text for w in ("urgent", "today", "monday")) else "no"


def test_two_wordings_are_one_task_and_its_labels_are_exact():
    found = _found(topics(rng(), 300, TOPIC))
    assert [len(t.variants) for t in found.templates] == [2]
    assert found.templates[0].shape.fields[0].classes == ("card", "login", "refund")
    assert found.loose.n_calls == 0
    assert found.templates[0].agreement[""].value > 0.8


def test_two_questions_about_the_same_messages_are_two_tasks_though_both_answer_yes_or_no():
    r, calls = rng(), []
    systems = ("Is this message urgent? Answer yes or no.", "Is this message about money? Answer yes or no.")
    for i in range(600):
        text = message(r, list(ABOUT)[i % 3])
        which = i % 2
        money = "yes" if "money" in text or "refund" in text else "no"
        calls.append(call(i, systems[which], text, (_urgent(text), money)[which]))
    found = _found(calls)
    assert [t.volume.n_calls for t in found.templates] == [300, 300]
    assert [len(t.variants) for t in found.templates] == [1, 1]


def test_the_same_labels_for_other_texts_are_another_task():
    r = rng()
    other = ["the lamp is bright", "a red chair", "this table wobbles", "soft pillow, long blanket", "green carpet"]
    shop = [
        call(1000 + i, "Rate: good or bad?", f"{other[i % 5]} {i}", "good" if i % 5 < 3 else "bad") for i in range(200)
    ]
    mail = [
        call(i, "Mood of the mail: good or bad?", t, "bad" if "lost" in t or "wrong" in t else "good")
        for i, t in enumerate(message(r, list(ABOUT)[i % 3]) for i in range(200))
    ]
    assert len(_found(shop + mail).templates) == 2


def test_marks_out_of_ten_for_two_qualities_are_two_tasks():
    r, calls = rng(), []
    for i in range(800):
        text = message(r, list(ABOUT)[i % 3])
        which, marks = i % 2, (len(text) % 10 + 1, len(text.split()) % 10 + 1)
        calls.append(
            call(i, ("Rate the price from 1 to 10.", "Rate the service from 1 to 10.")[which], text, str(marks[which]))
        )
    assert all(len(t.variants) == 1 for t in _found(calls).templates)


def test_free_answers_are_joined_only_where_nothing_tells_them_apart():
    r, calls = rng(), []
    systems = ("Write a short reply to the customer's message.", "Summarise the customer's message in a sentence.")
    for i in range(300):
        text = message(r, list(ABOUT)[i % 3])
        said = (f"Dear customer, we will look at it: {text}", f"The customer says that {text}")
        calls.append(call(i, systems[i % 2], f"Message: {text}", said[i % 2]))
    found = _found(calls)
    assert [len(t.variants) for t in found.templates] == [1, 1]
    assert all(t.shape.kind is AnswerKind.TEXT for t in found.templates)


def test_examples_are_no_part_of_the_text():
    r = rng()
    pairs = [(message(r, t), t) for t in ABOUT]
    chat = topics(r, 120, TOPIC[:1], pairs=pairs)
    assert _found(chat).templates[0].volume.n_history == 0
    calls = []
    for i in range(120):  # drawn anew for each call, one to three of them, inside the message
        topic = list(ABOUT)[i % 3]
        shots = "".join(f"Text: {message(r, t)}\nLabel: {t}\n\n" for t in list(ABOUT)[: 1 + i % 3])
        calls.append(call(i, "Label the last text.", f"{shots}Text: {message(r, topic)} #{i}\nLabel:", topic))
    texts = {}
    found = _found(calls, assign=lambda c, key: texts.__setitem__(c.trace_id, key))
    assert len(found.templates) == 1
    matcher = Matcher(found.templates[0].variants)
    for i, one in enumerate(calls):
        text = matcher.match(said_in(one)).text
        assert text.endswith(f"#{i}"), text
        assert "Label" not in text


def test_what_changes_in_the_system_is_a_slot():
    r = rng()
    calls = []
    for i in range(150):
        topic = list(ABOUT)[i % 3]
        calls.append(call(i, f"You help customer {message(r, topic)[:9]}{i} of the shop. Tell the topic of what they write.",
                          message(r, topic), topic))  # fmt: skip
    found = _found(calls)
    assert [len(t.variants) for t in found.templates] == [1]
    assert found.loose.n_calls == 0


def test_conversations_are_said_to_be_what_they_are():
    r = rng()
    calls = [
        call(i, "Support chat. Say the topic of the last turn.", message(r, "card"), list(ABOUT)[i % 3],
             pairs=[(message(r, "login"), f"Thank you, what is your number? {i}")])
        for i in range(120)
    ]  # fmt: skip
    found = _found(calls)
    proposal = propose(found.templates, found.loose.volume(0)).proposals[0]
    assert proposal.suits is Suits.NOT
    assert "earlier turns" in proposal.reason


def test_with_more_traffic_templates_keep_their_ids_and_take_new_wordings():
    r = rng()
    first = _found(topics(r, 200, TOPIC[:1]))
    again = _found(topics(r, 200, TOPIC[:1]) + topics(r, 200, TOPIC[1:], start=200), first.templates)
    assert [t.template_id for t in again.templates] == [t.template_id for t in first.templates]
    assert len(again.templates[0].variants) == 2


def test_the_answers_schema_names_the_classes_and_makes_another_task():
    r = rng()
    schema = {"type": "object", "properties": {"topic": {"enum": ["card", "refund", "login", "other"]}}}
    form = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
    calls = topics(r, 120, ["Sort it."], form=lambda t: f'{{"topic": "{t}"}}', request=form)
    found = _found(calls + topics(r, 120, ["Sort it."], start=500))
    shapes = {t.shape.kind: t.shape.fields[0].classes for t in found.templates}
    assert shapes[AnswerKind.JSON] == ("card", "login", "other", "refund")
    assert len(found.templates) == 2


@pytest.mark.parametrize("n", [0, 3])
def test_a_handful_of_calls_is_no_template(n):
    found = _found(topics(rng(), n, TOPIC[:1]))
    assert (found.templates, found.loose.n_calls) == ([], n)


def test_the_bill_is_shared_out_and_the_best_savings_come_first():
    r = rng()
    calls = topics(r, 200, TOPIC[:1], cost_usd=0.001) + topics(r, 100, ["Mood? happy or sad"], start=300, cost_usd=0.01,
            form=lambda t: "sad" if t == "card" else "happy")  # fmt: skip
    calls += [
        call(600 + i, "Answer the customer.", message(r, "card"), f"Dear customer {i}, of course.", cost_usd=0.002)
        for i in range(100)
    ]
    found = _found(calls)
    traffic = propose(found.templates, Volume())
    assert [p.suits for p in traffic.proposals] == [Suits.READY, Suits.READY, Suits.NOT]
    assert [round(p.share, 3) for p in traffic.proposals] == [0.714, 0.143, 0.143]
    assert traffic.bill.by == "cost"
    assert round(traffic.bill.cost_usd, 6) == 1.4
    first = traffic.proposals[0]
    assert first.cost_month_usd == pytest.approx(30.44 * 1.0 / traffic.bill.days)
    assert traffic.proposals[2].savings_month_usd is None


def test_hostile_prompts_are_texts():
    bad = "{{7*7}} <script>alert(1)</script> '; drop table captured; -- ${jndi:ldap://x} \x00"
    calls = [call(i, bad, f"{bad} {i}", "yes" if i % 2 else "no") for i in range(60)]
    assert len(_found(calls).templates) == 1
