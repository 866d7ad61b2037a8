"""The event log as an audit trail."""

import pytest

from homegrown.core.access import Actor, Role
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.errors import InputError
from homegrown.govern.audit import AuditFilter, read_audit
from homegrown.ingest import IngestRequest, import_file
from homegrown.label import task_from_column
from homegrown.query import save_selection
from homegrown.store import Store


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("body,intent\nwhere is my card,card\nmoney back,refund\ncard lost,card\nrefund me,refund\n")
    with Store(tmp_path / "w") as opened:
        import_file(opened, IngestRequest(path, "body", "intent", None, "desk", None, ReadOptions()), progress=Silent())
        task_from_column(opened, "intent", "intent")
        save_selection(opened, opened.actor, "cards", "select * from records")
        yield opened


def audit(store, **wanted):
    return list(read_audit(store, AuditFilter(**wanted)))


def test_every_event_names_actor_action_and_resource(store):
    entries = audit(store)
    assert {"ingest.import", "label.define_task", "label.add_source", "query.save_selection"} <= {
        e.action for e in entries
    }
    for entry in entries:
        assert entry.actor == "terminal"
        assert entry.action.count(".") == 1
        kind, _, identifier = entry.resource.partition(":")
        assert kind
        assert identifier
    assert [e.seq for e in entries] == sorted((e.seq for e in entries), reverse=True)


def test_filters(store):
    everything = audit(store)
    assert [e.action for e in audit(store, action="ingest")] == ["ingest.import"]
    assert audit(store, action="ingest.import", actor="terminal", resource="source")
    assert not audit(store, action="ing")
    assert not audit(store, actor="somebody")
    assert not audit(store, actor="%")
    assert audit(store, since="2020-01-01") == everything
    assert not audit(store, until="2020-01-01")
    assert audit(store, since=everything[0].created_at) == everything[:1]
    with pytest.raises(InputError, match="is no time"):
        audit(store, since="yesterday' or 1=1 --")


def test_pages_go_on_where_the_last_one_ended(store):
    everything = audit(store)
    first = list(read_audit(store, AuditFilter(), limit=2))
    rest = list(read_audit(store, AuditFilter(), before_seq=first[-1].seq))
    assert first + rest == everything
    assert list(read_audit(store, AuditFilter(), limit=0)) == []


def test_somebody_else_is_named(store):
    from homegrown.govern.access import Access

    made = Access(store.db).add_key(store.actor, "desk-tool", Role.CALLER)
    entry = audit(store, action="govern.key_add")[0]
    assert (entry.actor, entry.details["name"]) == ("terminal", "desk-tool")
    save_selection(store, Actor("actor_system", "system", "system", Role.OWNER), "mine", "select 1")
    assert audit(store)[0].actor == "system"
    assert made.secret not in str(audit(store))
