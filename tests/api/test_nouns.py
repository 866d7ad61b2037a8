"""Records, models, evaluations and jobs over the API."""


def test_records_page_by_page(served):
    with served.client() as client:
        seen, cursor = [], None
        while True:
            query = {"limit": 25} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/v1/records", params=query).json()
            seen += [r["record_id"] for r in page["records"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 108
        one = client.get(f"/api/v1/records/{seen[3]}").json()
        assert set(one["fields"]) == {"text", "label"}
        for bad in ({"limit": 0}, {"limit": 5000}, {"limit": "x"}, {"cursor": "'; drop"}):
            assert client.get("/api/v1/records", params=bad).status_code == 422


def test_models_and_evaluations(served):
    with served.client() as client:
        versions = client.get("/api/v1/models").json()["models"]
        assert [v["number"] for v in versions] == [2, 1]
        assert client.get("/api/v1/models/intent@1").json()["version_id"] == versions[1]["version_id"]
        assert client.get("/api/v1/models/intent@1/evaluations").json() == {"evaluations": []}
        assert client.get("/api/v1/models/nothing").status_code == 404


def test_jobs_take_no_path_and_no_foreign_verb(served):
    with served.client() as client:

        def jobs() -> set[str]:
            return {job["job_id"] for job in client.get("/api/v1/jobs").json()["jobs"]}

        before = jobs()
        for verb, arguments in (
            ("grow", {"file": "/etc/passwd", "text": "a", "label": "b"}),
            ("os.system", {"command": "id"}),
            ("homegrown.store:Store", {}),
            ("evaluate", {"model": "intent", "file": "/etc/passwd"}),
            ("evaluate", {}),
        ):
            answer = client.post("/api/v1/jobs", json={"verb": verb, "arguments": arguments})
            assert answer.status_code == 422, verb
        assert jobs() == before
        assert client.get("/api/v1/jobs/job_none").status_code == 404
