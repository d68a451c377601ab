"""What the server tells of itself: metrics for Prometheus, health, readiness, spans."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from countyfhir.exchange import Interaction
from countyfhir.metrics import Metrics, Shared, text, together

ROOT = "http://127.0.0.1:8080"
LINE = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? [0-9.e+-]+(nan)?$')


def metrics(client: TestClient, **headers: str) -> str:
    """What a scrape gets."""
    answer = client.get(f"{ROOT}/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


def local(serve: Callable[..., TestClient], **settings: str) -> TestClient:
    """A server whose caller is on this machine (the test client calls itself "testclient" otherwise)."""
    client = serve(**settings)
    client._transport.client = ("127.0.0.1", 50000)  # type: ignore[attr-defined]
    return client


def test_requests_are_counted_by_interaction_and_status(serve: Callable[..., TestClient]) -> None:
    """With their time in buckets, and the store's beside them; every line can be read by Prometheus."""
    client = local(serve)
    made = client.post("Patient", json={"resourceType": "Patient"}).json()
    for _ in range(3):
        client.get(f"Patient/{made['id']}")
    client.get("Patient/none")
    shown = metrics(client)
    assert 'countyfhir_request_seconds_count{interaction="read",status="200"} 3' in shown
    assert 'countyfhir_request_seconds_count{interaction="read",status="404"} 1' in shown
    assert 'countyfhir_request_seconds_bucket{interaction="create",status="201",le="+Inf"} 1' in shown
    assert 'countyfhir_store_seconds_count{call="commit"}' in shown
    assert 'countyfhir_waiting{queue="audit"}' in shown
    assert 'countyfhir_waiting{queue="commits"}' in shown
    assert "countyfhir_pool{" in shown
    assert all(line.startswith("# ") or LINE.match(line) for line in shown.splitlines())


def test_metrics_are_for_this_machine_unless_told_otherwise(serve: Callable[..., TestClient]) -> None:
    """Others are refused, and so is what a proxy on this machine passes on."""
    client = local(serve)
    assert client.get(f"{ROOT}/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403
    client._transport.client = ("10.0.0.9", 50000)  # type: ignore[attr-defined]
    assert client.get(f"{ROOT}/metrics").status_code == 403
    assert local(serve, metrics="off").get(f"{ROOT}/metrics").status_code == 404


def test_metrics_with_a_key(serve: Callable[..., TestClient]) -> None:
    """Without one, or with a wrong one, 401."""
    client = local(serve, metrics="key", auth="keys")
    assert client.get(f"{ROOT}/metrics").status_code == 401
    assert client.get(f"{ROOT}/metrics", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_health_and_readiness(serve: Callable[..., TestClient]) -> None:
    """Both need no key; what is not well is named."""
    client = serve(auth="keys")
    assert client.get(f"{ROOT}/healthz").status_code == 200
    ready = client.get(f"{ROOT}/readyz")
    assert ready.status_code == 200
    assert ready.json()["store"] == ready.json()["definitions"] == "ok"


def test_too_little_room_is_not_ready(tmp_path: Path) -> None:
    """The embedded store's disk is looked at."""
    from tests.http.conftest import running

    with running(store=f"sqlite:{tmp_path / 'a.sqlite'}", disk_reserve_mb=10**9) as client:
        answer = client.get(f"{ROOT}/readyz")
        assert answer.status_code == 503
        assert "MB free" in answer.json()["disk"]
        assert client.get(f"{ROOT}/ready").status_code == 200


def test_workers_add_up(tmp_path: Path) -> None:
    """What a worker that is gone had counted stays counted; its present values are forgotten."""
    mine, other = Metrics(), Metrics()
    mine.requests.observe(("read", 200), 0.004)
    mine.waiting.put(("audit",), 2)
    other.requests.observe(("read", 200), 0.2)
    other.waiting.put(("audit",), 5)
    Shared(tmp_path).tell(other)
    (gone,) = tmp_path.glob("*.json")
    gone.rename(tmp_path / "999999999-gone.json")
    total = together([mine.figures(), *Shared(tmp_path).others(mine.fleeting)])
    shown = text(mine, total)
    assert 'countyfhir_request_seconds_count{interaction="read",status="200"} 2' in shown
    assert 'countyfhir_request_seconds_bucket{interaction="read",status="200",le="0.005"} 1' in shown
    assert 'countyfhir_waiting{queue="audit"} 2' in shown


def test_spans_tell_what_was_asked_and_belong_to_the_callers_trace() -> None:
    """No address, no id of a resource."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from countyfhir.http.tracing import Tracing

    exporter = sdk.InMemorySpanExporter()
    tracing = Tracing(exporter)
    parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    asked = Interaction("read", "Patient", "secret-id", http_method="GET")
    tracing(asked, 200, 0.0, {b"traceparent": parent})
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert span.name == "read Patient"
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "secret-id" not in str(span.attributes)
