"""From texts without labels to a model that answers, all in the browser, and better than the keys alone would give."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from homegrown.core.models import Recipe
from tests.studio.conftest import visiting
from tests.studio.pictures import example_texts, write_raw
from tests.studio.story import Person, plain

BANKING = Path(os.environ.get("HOMEGROWN_DATA", "")) / "banking77" / "train.csv"


def walked(chromium, studio, folder, texts, rules, n_classes, n_keys, n_reviewed, n_held):
    """Walk the story with all but the last *n_held* of *texts*, which nothing sees; the person, and those held back."""
    names = list(texts)
    order = np.random.default_rng(0).permutation(len(names))
    held = {names[i]: texts[names[i]] for i in order[:n_held]}
    with visiting(chromium, studio) as visit:
        person = Person(visit.page, studio.origin, texts)
        person.drop(write_raw(folder / "raw.csv", [names[i] for i in order[n_held:]]))
        person.find_groups()
        person.name_groups(n_classes, "intent")
        person.add_classes(sorted({says for _, says in rules} - person.named))
        for any_of, says in rules:
            person.write_rule(any_of, says)
        person.press_keys(n_keys)
        person.review(n_reviewed)
        done = person.train("linear")
        assert "of" in done
        person.deploy_and_ask(next(iter(held)))
    assert len(person.said) == n_keys, "every key was an answer to a record of its own"
    return person, held


def right(ws, model, held, named):
    """The share of right answers among texts of the classes that were named."""
    asked = {text: name for text, name in held.items() if name in named}
    answers = ws.predict(model, list(asked))
    return np.mean([answer["label"] == name for answer, name in zip(answers, asked.values(), strict=True)])


def by_keys_alone(ws, person):
    """The same recipe on what the keys said and on nothing else."""
    task = ws.task("keys", classes=sorted(person.named)).noun
    for record_id, name in person.said.items():
        ws.vote(record_id, task, name or None)
    return ws.train(ws.snapshot(task), Recipe("linear"), "keys")


def test_a_person_without_labels_gets_a_better_model_than_their_keys_alone(chromium, with_worker, tmp_path):
    kinds = ("account_login", "cancel_subscription", "plant_advice", "sensor_setup")
    texts = {text: kind for text, kind in example_texts().items() if kind in kinds}
    rules = (("password, log in, login", "account_login"), ("cancel*, unsubscribe", "cancel_subscription"),
             ("sensor*, rootbit*, pairing", "sensor_setup"))  # fmt: skip
    person, held = walked(chromium, with_worker, tmp_path, texts, rules, 4, 8, 3, 80)
    ws = with_worker.ws
    assert len(ws.rules("intent")) == 3
    story, alone = right(ws, "intent", held, person.named), right(ws, by_keys_alone(ws, person), held, person.named)
    assert story > alone, (story, alone)
    assert story > 0.8


@pytest.mark.slow
@pytest.mark.skipif(not BANKING.is_file(), reason="SKIPPED ALOUD: HOMEGROWN_DATA has no banking77")
def test_raw_questions_to_a_bank_and_a_hundred_keys(chromium, with_worker, tmp_path):
    with BANKING.open(newline="", encoding="utf-8") as file:
        texts = {plain(row["text"]): row["category"] for row in csv.DictReader(file)}
    rules = (("charged twice, double charged, duplicate*", "transaction_charged_twice"), ("activat*", "activate_my_card"),
             ("exchange rate*", "card_payment_wrong_exchange_rate"))  # fmt: skip
    person, held = walked(chromium, with_worker, tmp_path, texts, rules, 12, 100, 30, 2000)
    ws = with_worker.ws
    story, alone = right(ws, "intent", held, person.named), right(ws, by_keys_alone(ws, person), held, person.named)
    assert story > alone + 0.1, (story, alone)
    print(f"of the texts of {len(person.named)} classes: {story:.1%} right, by the keys alone {alone:.1%}")
