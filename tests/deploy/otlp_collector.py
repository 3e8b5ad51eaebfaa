"""Takes traces as a collector does, and reads each by OpenTelemetry's own description of its protocol, which refuses members that it
does not know. Writes its address to a file, and ends when it has the span of a request with a phase in it.

    otlp_collector.py ADDRESS_FILE
"""

import http.server
import json
import pathlib
import sys

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

spans = []


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json"), self.path
        for resource in ParseDict(body, ExportTraceServiceRequest()).resource_spans:
            attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert attributes["service.name"] == "steps-server", attributes
            for scope in resource.scope_spans:
                spans.extend(scope.spans)
        for span in spans:
            assert span.start_time_unix_nano <= span.end_time_unix_nano, span
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
    pathlib.Path(sys.argv[1]).write_text(f"http://127.0.0.1:{server.server_port}")
    while not any(span.kind == span.SPAN_KIND_SERVER and any(one.parent_span_id == span.span_id for one in spans) for span in spans):
        server.handle_request()
