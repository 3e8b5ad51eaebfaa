"""What no schema can say of a request that is right: times are not in the future, an end is not before its beginning, the parts of a
duration add up to less than 292,000 years, and some limits of a check need others. Requests that are wrong on purpose are left as they are."""

import datetime
import os
import re
import uuid

import schemathesis

# The token of these requests, which is not to be revoked by one of them.
OWN_TOKEN = os.environ.get("SECURITY_OWN_TOKEN", "")

# A duration of several parts, or of one.
DURATION = re.compile(r"\s*(\d+(\.\d+)?\s*(ms|s|m|h|d|w|y)\s*)+", re.IGNORECASE)
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
LONGEST = 100 * SECONDS["y"]

LIMITS = ("max", "min", "baseline", "max_growth")
OF_BASELINE = ("last", "margin", "both_ways")


@schemathesis.hook
def before_call(context, case, kwargs):
    if OWN_TOKEN and case.path_parameters and case.path_parameters.get("id") == OWN_TOKEN:
        case.path_parameters["id"] = str(uuid.uuid4())
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for part in (case.query, case.body):
        if isinstance(part, dict):
            shorten(part)
    name = case.operation.definition.raw.get("operationId")
    if name == "check_budget":
        complete_limits(case.query)
    elif name == "get_trend":
        # Whether it is after `since`, which may be left out, depends on the time of the request.
        case.query.pop("until", None)
    elif name in ("record_step", "finish_step") and isinstance(case.body, dict):
        set_times(case.body)
    elif name == "record_note" and isinstance(case.body, dict):
        for field, year in (("at", "2020"), ("until", "2030")):
            if case.body.get(field):
                case.body[field] = year + str(case.body[field])[4:]


def shorten(fields):
    for name, value in fields.items():
        if isinstance(value, str) and DURATION.fullmatch(value):
            parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", value.lower())
            if sum(float(number) * SECONDS[unit] for number, unit in parts) > LONGEST:
                fields[name] = "90d"


def complete_limits(query):
    if not any(query.get(limit) for limit in LIMITS):
        query["max"] = "10m"
    if not query.get("baseline"):
        for name in OF_BASELINE:
            query.pop(name, None)
    if query.get("min") and query.get("max"):
        del query["min"]


def set_times(body):
    now = datetime.datetime.now(datetime.timezone.utc)
    if body.get("ts"):
        body["ts"] = "2020" + str(body["ts"])[4:]
    if body.get("ended_at"):
        # A span that is ended later may have begun a moment ago.
        body["ended_at"] = body.get("ts") or now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if "component" in body and not body.get("ts"):
            body["age"] = 60
    if body.get("duration"):
        body["duration"] = "60s" if isinstance(body["duration"], str) else min(body["duration"], 60)
