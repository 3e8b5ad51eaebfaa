"""Renders the hooks that are templates, with the values that their systems give: Helm's jobs, and what Argo CD and Argo Rollouts send,
which a real server then takes. Prints Helm's jobs, for the schemas of Kubernetes.

    hook_templates.py HOOKS RENDERER SERVER_URL
"""

import json
import pathlib
import subprocess
import sys
import urllib.request

import yaml

hooks, renderer, server = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def run(tasks):
    """The results of tasks by their names; an error is a text that begins with it."""
    done = subprocess.run([renderer], input=json.dumps(tasks), capture_output=True, text=True, check=True)
    outcomes = json.loads(done.stdout)
    return {name: f"error: {told['error']}" if "error" in told else told.get("result") for name, told in outcomes.items()}


def helm():
    text = (hooks / "helm.yaml").read_text()

    def release(name, values):
        return {"template": text, "data": {
            "Release": {"Name": name, "Namespace": "production", "Revision": 3}, "Chart": {"AppVersion": "4.2.0"}, "Values": values,
        }}

    server = {"server": "https://steps.example.com"}
    rendered = run({
        "usual": release("shop", {"steps": server}),
        "named": release("a" * 39 + "-" + "b" * 13, {"steps": {**server, "tokenSecret": "other"}}),
        "without": release("shop", {"steps": {}}),
    })
    assert "steps.server is the server's address" in rendered["without"], rendered["without"]
    jobs = []
    for name, secret in (("usual", "steps"), ("named", "other")):
        found = [job for job in yaml.safe_load_all(rendered[name]) if job]
        hooks_of = [job["metadata"]["annotations"]["helm.sh/hook"] for job in found]
        assert hooks_of == ["pre-install,pre-upgrade,pre-rollback", "post-install,post-upgrade,post-rollback"], hooks_of
        for job, status in zip(found, ("started", "succeeded"), strict=True):
            container = job["spec"]["template"]["spec"]["containers"][0]
            assert container["command"][-2:] == ["--status", status], container
            env = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"]}
            assert env["STEPS_VERSION"] == "4.2.0" and env["STEPS_ENVIRONMENT"] == "production", env
            assert env["STEPS_RUN"] == env["STEPS_COMPONENT"] + "-3" and env["STEPS_TOKEN"] == secret, env
            assert len(job["metadata"]["name"]) <= 63 and "--" not in job["metadata"]["name"], job["metadata"]["name"]
        jobs += found
    return jobs


def record(body):
    request = urllib.request.Request(f"{server}/v1/steps", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201, answer.status
        return json.load(answer)


def sent(config, name, data):
    """The body that a template sends."""
    template = yaml.safe_load(config[f"template.{name}"])["webhook"]["steps"]
    assert template["method"] == "POST"
    body = run({"body": {"template": template["body"], "data": data}})["body"]
    assert not body.startswith("error"), body
    return body


def argo_cd():
    config = yaml.safe_load((hooks / "argocd-notifications.yaml").read_text())["data"]

    def app(phase, health="Healthy", by=None):
        operation = phase and {"phase": phase, "startedAt": "2026-11-26T10:00:00Z", "operation": {"initiatedBy": by or {"automated": True}}}
        status = {"sync": {"revision": "4f1c2e"}, "health": {"status": health}, **({"operationState": operation} if phase else {})}
        return {"app": {"metadata": {"name": "argo \"shop\""}, "spec": {"destination": {"namespace": "production"}}, "status": status}}

    states = {
        "never": app(None), "running": app("Running", "Progressing"), "unhealthy": app("Succeeded", "Progressing"),
        "healthy": app("Succeeded"), "failed": app("Failed", "Degraded"), "error": app("Error"),
    }
    fires = {"steps-started": {"running"}, "steps-succeeded": {"healthy"}, "steps-failed": {"failed", "error"}}
    for name, expected in fires.items():
        trigger, = yaml.safe_load(config[f"trigger.on-{name}"])
        when = run({state: {"condition": trigger["when"], "data": data} for state, data in states.items()})
        assert {state for state, is_met in when.items() if is_met is True} == expected, (name, when)
        assert not any(str(told).startswith("error") for told in when.values()), when
        # Debian's expr is older than Argo CD's, and knows no `?.`.
        once = {"condition": trigger["oncePer"].replace("?.", "."), "data": states["running"]}
        assert run({"once": once})["once"] == "2026-11-26T10:00:00Z", trigger
    for name, by, owner in (("steps-started", None, "argocd"), ("steps-succeeded", {"username": "ann"}, "ann"), ("steps-failed", {}, "argocd")):
        step = record(sent(config, name, app("Running", by=by)))
        assert (step["component"], step["owner"], step["environment"]) == ('argo "shop"', owner, "production"), step
        assert (step["version"], step["run"]) == ("4f1c2e", "2026-11-26T10:00:00Z"), step


def argo_rollouts():
    config = yaml.safe_load((hooks / "argo-rollouts-notifications.yaml").read_text())["data"]
    statuses = {"steps-started": "started", "steps-step": "step 2", "steps-succeeded": "succeeded", "steps-failed": "failed"}
    rollout = {"rollout": {
        "metadata": {"name": "shop", "namespace": "production", "annotations": {"rollout.argoproj.io/revision": "7"}},
        "spec": {"template": {"spec": {"containers": [{"image": "registry.example.com:5000/shop:4.2.0"}]}}}, "status": {"currentStepIndex": 2},
    }}
    for name, status in statuses.items():
        step = record(sent(config, name, rollout))
        assert (step["component"], step["version"], step["run"], step["status"]) == ("shop", "4.2.0", "7", status), step


jobs = helm()
argo_cd()
argo_rollouts()
print(yaml.safe_dump_all(jobs))
