"""A span for each request, sent to an OpenTelemetry collector (OTLP over HTTP): what was asked and how it went, no
addresses, no patients. Loaded only where a setting names a collector."""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from countyfhir import __version__
from countyfhir.exchange import Interaction
from countyfhir.http.headers import Headers

CARRIED = (b"traceparent", b"tracestate")
"""Headers by which a span belongs to the caller's trace (W3C Trace Context)."""


def over_http(address: str) -> SpanExporter:
    """The exporter to a collector at ``address`` (http://host:4318)."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces")


class Tracing:
    """Makes spans of answered requests and sends them in the background."""

    def __init__(self, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": "countyfhir", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("countyfhir")
        self._carried: Callable[[dict[str, str]], object] = TraceContextTextMapPropagator().extract

    def __call__(self, interaction: Interaction, status: int, started: float, headers: Headers) -> None:
        """One request that was answered just now and began at ``started`` (time.perf_counter)."""
        carrier = {name.decode(): headers[name].decode("latin-1") for name in CARRIED if name in headers}
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{interaction.kind} {interaction.resource_type or ''}".strip(),
            context=self._carried(carrier) if carrier else None,  # type: ignore[arg-type]
            kind=trace.SpanKind.SERVER,
            start_time=ended - int((time.perf_counter() - started) * 1e9),
            attributes={
                "http.request.method": interaction.http_method or "",
                "http.response.status_code": status,
                "fhir.interaction": interaction.kind,
                "fhir.resource_type": interaction.resource_type or "",
                "countyfhir.request_id": interaction.request_id or "",
            },
        )
        if status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send what waits and stop."""
        self._provider.shutdown()
