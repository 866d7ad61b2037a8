"""Identity."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from homegrown.core.ids import canonical_json, digest, new_id, record_id, record_id_by_key, text_hash, timestamp

FIELDS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text())


@given(FIELDS)
def test_the_order_of_fields_does_not_matter(fields):
    assert canonical_json(fields) == canonical_json(dict(reversed(list(fields.items()))))


@given(FIELDS, FIELDS, st.text())
def test_a_record_is_its_content(one, other, text):
    ids = [record_id(text_hash(text), canonical_json(f)) for f in (one, other)]
    assert (ids[0] == ids[1]) == (canonical_json(one) == canonical_json(other))
    assert record_id(text_hash(text), canonical_json(one), 1) != ids[0]


def test_parts_are_separated():
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert record_id_by_key("s", "1") != record_id_by_key("s1", "")


@given(st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)), st.integers(1, 10**9))
def test_text_order_is_time_order(moment, later_us):
    assert timestamp(moment) < timestamp(moment + timedelta(microseconds=later_us))


def test_ids_are_opaque_and_distinct():
    made = {new_id("run") for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(i) == len("run_") + 20 for i in made)
