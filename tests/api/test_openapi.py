"""The OpenAPI document, and schemathesis against the running server."""

import warnings

import hypothesis
import pytest

from homegrown.core.access import Role
from homegrown.web.openapi import shown_path

MOST = 12


@pytest.fixture(scope="module")
def schema(served):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis

        return schemathesis.openapi.from_url(f"{served.origin}/api/v1/openapi.json")


def test_the_document_names_every_route_that_has_a_summary(served):
    with served.client(None) as client:
        document = client.get("/api/v1/openapi.json").json()
    declared = {shown_path(r.path) for r in served.app.router.routes if r.endpoint.route.summary}
    assert set(document["paths"]) == declared
    assert len(declared) >= 15
    assert document["openapi"].startswith("3.1")


def test_no_generated_request_breaks_the_server(served, schema):
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    checked = 0
    # A reviewer: reads and calls, so that no generated request starts a job.
    headers = served.bearer(Role.REVIEWER)
    for result in schema.get_all_operations():
        operation = result.ok()
        checked += 1

        @hypothesis.settings(
            max_examples=MOST,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def run(case):
            response = case.call(base_url=served.origin, headers=headers)
            assert response.status_code < 500, f"{case.method} {case.path}: {response.status_code}"
            # JSON Schema calls 7.0 an integer; we do not.
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()
    assert checked >= 15
