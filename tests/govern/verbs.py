"""Every public verb of a workspace: what events it leaves, and how those of traffic and of hands are driven."""

import json

import sqlalchemy as sa

from homegrown.core.assignments import Submission
from homegrown.core.ids import timestamp
from homegrown.core.models import Recipe
from homegrown.store import tables
from homegrown.workspace.bulk import Checked, Filter

# By verb the events that it leaves; verbs that only read leave none.
CHANGES = {
    "put_route": {"gateway.route_put"},
    "remove_route": {"gateway.route_remove"},
    "switch_route": {"gateway.switch", "gateway.switch_off"},
    "limit_key": {"gateway.limit"},
    "set_offline": {"govern.offline"},
    "upstream_at": {"govern.upstream_add"},
    "ingest": {"ingest.import"},
    "embed": {"embed.add"},
    "build_indexes": {"query.index"},
    "save_selection": {"query.save_selection"},
    "delete_selection": {"query.delete_selection"},
    "import_labels": {"label.define_task", "label.add_source"},
    "task_from_column": {"label.define_task", "label.add_source"},
    "task": {"label.define_task"},
    "define_object": {"label.define_task"},
    "import_answers": {"label.add_source"},
    "vote": {"label.vote"},
    "teach": {"label.vote"},
    "undo_vote": {"label.undo_vote"},
    "add_class": {"label.add_class"},
    "describe_class": {"label.describe_class"},
    "rename_class": {"label.rename_class"},
    "rename_field": {"label.rename_field"},
    "split_class": {"label.split_class"},
    "merge_classes": {"label.merge_classes"},
    "remove_class": {"label.remove_class"},
    "set_guidelines": {"label.set_guidelines"},
    "restore_task": {"label.restore_task"},
    "snapshot": {"curate.freeze"},
    "find_issues": {"curate.find_issues"},
    "decide": {"curate.decide_issue", "curate.derive"},
    "undo_decision": {"curate.undo_decision", "curate.undo_derive"},
    "import_calls": {"monitor.import"},
    "find_tasks": {"monitor.find"},
    "accept_template": {"monitor.accept"},
    "accept_tag": {"monitor.point", "monitor.accept"},
    "train": {"train.start", "train.end"},
    "evaluate": {"evaluate.run"},
    "deploy": {"serve.deploy"},
    "forget": {"govern.forget"},
    "next_records": {"label.assign"},
    "records_to_check": {"label.to_check"},
    "submit": {"label.vote", "label.undo_vote", "label.skip"},
    "settle": {"label.vote"},
    "release_records": {"label.release"},
    "comment": {"label.comment", "label.flag", "label.question"},
    "answer": {"label.answer"},
    "set_station": {"label.set_station"},
    "invite": {"label.invite"},
    "admit": {"label.admit"},
    "draw_gold": {"evaluate.draw_gold"},
    "bulk_label": {"label.bulk"},
    "undo_bulk": {"label.undo_bulk"},
    "add_rule": {"label.add_rule"},
    "run_rules": {"label.run_rules"},
    "remove_rule": {"label.remove_rule"},
    "restore_rule": {"label.restore_rule"},
    "add_upstream": {"govern.upstream_add"},
    "remove_upstream": {"govern.upstream_remove"},
    "set_price": {"cost.set_price"},
    "remove_price": {"cost.remove_price"},
    "retrain_every": {"jobs.schedule", "jobs.unschedule"},
}
# ``export`` leaves ``model.export``, ``retrain`` and ``roll_back`` the events of training and ``retrain.promote`` or
# ``retrain.rollback``, ``learn_from_feedback`` a vote's, the verbs of clusters ``label.discover`` and
# ``label.cluster_…``, ``ask`` and ``model_votes`` ``label.ask`` and ``label.model``; their own tests drive them.
READS = {
    "charges", "compare_costs", "model_costs", "n_to_label", "plan_model", "prices", "recent_traffic",
    "calls", "is_offline", "routes",
    "json_schema", "names_learnt", "object_predictor",
    "captured_call", "exit_choices", "exit_report", "gold_sample", "route_story",
    "route_traffic", "shadow_report",
    "acting_as", "admitted", "ask", "audit", "bulk_labels", "bulk_sample", "check_may_label", "chooser",
    "class_of_cluster", "close", "cluster_sample", "compare", "conflicts", "counts", "datasheet", "diff", "discover",
    "encoder", "export", "export_labels", "export_sql", "finish_choosing", "finish_forgetting", "forecast",
    "import_votes", "issues", "last_verdict", "learn_from_feedback", "learner", "masker", "merge_clusters", "model",
    "model_votes", "most_useful", "my_tasks", "my_votes", "n_new_votes", "predict", "predictor", "preview",
    "preview_rule", "progress", "questions", "quoted", "ready", "record_of", "register_rule", "rename_cluster",
    "reorder", "report", "retrain", "retrain_schedule", "roll_back", "rules", "search_records", "selected_ids", "selections",
    "split_cluster", "sql", "station_settings", "stream_csv", "stream_labels", "suggest", "take_back_class",
    "task_counts", "task_history", "team", "template", "template_calls", "texts_of_file", "traffic", "undo_clusters",
    "upstreams", "verdict", "warm_queue",
    "write_report",
    "read_mark", "reading",
    "disputed_fields", "disputes", "documents_shown", "errors_shown", "guess_fields", "learn_from_document", "rendered",
}  # fmt: skip


def traffic_becomes_a_task(ws):
    """Every verb of captured calls that changes something."""
    turns = [
        [{"role": "system", "content": "good or bad?"}, {"role": "user", "content": f"a lamp {i}"}] for i in range(30)
    ]
    rows = [{"request": {"messages": t}, "response": {"choices": [{"message": {"content": "good" if i % 3 else "bad"}}]},
             "tags": {"feature": "mood"}} for i, t in enumerate(turns)]  # fmt: skip
    path = ws.store.layout.root.parent / "calls.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    ws.import_calls(path)
    made = ws.accept_template(ws.find_tasks().proposals[0].template.template_id)
    ws.train(ws.snapshot(made.task), Recipe("lexical", {}, 0), "mood")
    ws.records_to_check("mood", 2)
    ws.put_route("mood", upstreams=[ws.upstream_at("http://127.0.0.1:9/v1", private=True).name])
    version = ws.switch_route("mood", "mood", shadow=True).exit.version_id
    ws.switch_route("mood", off=True)
    shadow = {"version_id": version, "answer": "good", "prob": 0.9, "agrees": 0, "created_at": timestamp()}
    with ws.store.db.write() as connection:
        connection.execute(sa.insert(tables.shadow_answers).values(trace_id=ws.calls(limit=1)[0].trace_id, **shadow))
    ws.draw_gold(version, 1)
    with ws.store.db.write() as connection:
        connection.execute(sa.delete(tables.shadow_answers).where(tables.shadow_answers.c.version_id == version))
    ws.accept_tag("feature", "mood", name="mood")


def label_by_hand(ws):
    """Every verb of the station, of several people and of bulk."""
    first, second = (w.record.record_id for w in ws.next_records("intent", 2).records)
    sent = [("vote", {"classes": []}, None), ("undo", None, "by-hand-vote"), ("skip", None, None)]
    ws.submit("intent", [Submission(f"by-hand-{act}", act, first, value, undoes=un) for act, value, un in sent])
    ws.release_records("intent")
    ws.answer(ws.comment("intent", second, "question", "which?"), "that one")
    ws.comment("intent", second, "flag")
    ws.comment("intent", second, "comment", "odd")
    ws.set_station("intent", ws.station_settings("intent"))
    ws.admit("intent", ws.invite("intent", "Anna").actor_id)
    wanted = Filter(words="money")
    sample = ws.bulk_sample("intent", wanted, n=1).records
    ws.undo_bulk("intent", ws.bulk_label("intent", "card", wanted, Checked(right=(sample[0].record_id,))))
