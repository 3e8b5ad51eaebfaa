"""Prints a target for sqlmap for each operation of a description, one a line: its name, its address, its method, its body. Every
parameter is in it, with a value that is right, so that each is tried."""

import json
import sys
from urllib.parse import quote

ID = "0197a000-0000-7000-8000-000000000001"
VALUES = {
    "with": ID, "component": "checkout", "version": "1", "owner": "ann", "status": "building", "environment": "production", "run": "7",
    "start_datetime": "2020-01-05 09:30:00", "end_datetime": "2030-01-05 09:30:00", "since": "2020-01-05", "until": "2030-01-05",
    "outcome": "succeeded", "min_duration": "1s", "max_duration": "9h", "limit": "5", "order": "asc", "format": "json",
    "safe": "true", "tz": "UTC", "exclude_waiting": "true", "step": "building", "sprint_start": "2026-01-05",
    "sprint_length": "14d", "min_change": "1%", "min_difference": "1s", "max": "10m", "min": "1s", "baseline": "p95",
    "last": "30", "margin": "20%", "both_ways": "true", "max_growth": "5%/week", "replay": "90d", "next": "/",
}
PLACES = {"{id}": ID, "{component}": "checkout"}
BODIES = {
    "record_step": {"component": "checkout", "version": "1", "owner": "ann", "status": "building", "environment": "production",
                    "run": "7", "attempt": 1, "ts": "2020-01-05 09:30:00", "span": True, "outcome": "failed",
                    "ended_at": "2020-01-05 09:31:00", "exit_code": 1},
    "record_batch": [{"component": "checkout", "version": "1", "owner": "ann", "status": "building"}],
    "finish_step": {"outcome": "succeeded", "duration": 5, "exit_code": 0},
    "exclude_deployment": {"reason": "a test", "owner": "ann"},
    "include_deployment": {"owner": "ann"},
    "record_note": {"component": "checkout", "text": "moved", "owner": "ann", "environment": "production", "at": "2020-01-05 09:30:00",
                    "until": "2020-01-06 09:30:00"},
    "create_token": {"name": "ci", "scopes": ["read"], "components": ["a"], "environments": ["b"], "owner": "ann", "expires_in": "1d"},
    "login": {"token": "steps_0000000000000000000000000000000000000000000000000"},
}


def value(parameter, operation):
    name = parameter["name"]
    schema = parameter["schema"]
    if name == "by" or name == "columns":
        return schema.get("items", {}).get("enum", ["week"])[0] if schema.get("type") == "array" else "week"
    if name == "until" and operation == "get_projection":
        return "1"
    return VALUES[name]


def filled(path):
    for place, right in PLACES.items():
        path = path.replace(place, right)
    return path


def main(description, base):
    for path, item in description["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            # Its answer has no end. No parameter of it reaches a statement: events are filtered in memory.
            if name == "watch_events":
                continue
            parameters = [p for p in operation.get("parameters", []) if p["in"] == "query"]
            query = "&".join(f"{p['name']}={quote(value(p, name))}" for p in parameters)
            query = "?" + query if query else ""
            body = json.dumps(BODIES[name]) if name in BODIES else ""
            if query or body:
                print("\t".join([name, base + filled(path) + query, method.upper(), body]))
            for place, right in PLACES.items():
                if place in path:
                    # Where a place is marked, nothing else is tried.
                    marked = path.replace(place, right + "*")
                    print("\t".join([f"{name}-path", base + marked + query, method.upper(), body]))


main(json.load(open(sys.argv[1])), sys.argv[2])
