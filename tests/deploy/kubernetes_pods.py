"""The pods of a rendered installation, and what Pod Security Standards ask of them."""

import pathlib
import re

import yaml

NAMESPACE = "steps"


def duration(text):
    """Seconds of `15s`, `5m`."""
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def matches(selector, labels):
    """Whether a label selector selects something with these labels."""
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In", rule
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


class Pod:
    def __init__(self, owner, template, claims=()):
        self.name = f"{owner['kind']} {owner['metadata']['name']}"
        self.labels = template["metadata"]["labels"]
        self.spec = template["spec"]
        self.claimed = {claim["metadata"]["name"] for claim in claims}

    def __repr__(self):
        return self.name

    @property
    def containers(self):
        return self.spec.get("initContainers", []) + self.spec["containers"]

    @property
    def ports(self):
        return {port["name"]: port["containerPort"] for container in self.containers for port in container.get("ports", [])}

    def matches(self, selector):
        return matches(selector, self.labels)

    def beside(self):
        affinity = self.spec.get("affinity", {}).get("podAffinity", {})
        terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
        return [term["labelSelector"] for term in terms]


class Installation:
    def __init__(self, rendered):
        self.documents = [document for document in yaml.safe_load_all(pathlib.Path(rendered).read_text()) if document]
        self.pods = []
        for document in self.documents:
            spec = document.get("spec", {})
            if document["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            if "template" in spec:
                self.pods.append(Pod(document, spec["template"], spec.get("volumeClaimTemplates", [])))
        (self.deployment,) = self.of("Deployment")
        (self.server,) = [pod for pod in self.pods if pod.name.startswith("Deployment")]

    def of(self, kind):
        return [document for document in self.documents if document["kind"] == kind]

    def named(self, kind):
        return {document["metadata"]["name"]: document for document in self.of(kind)}

    def selected(self, selector):
        return [pod for pod in self.pods if pod.matches(selector)]

    def environment(self, container):
        """The variables of a container, those of its ConfigMaps first."""
        variables = {}
        for source in container.get("envFrom", []):
            variables.update(self.named("ConfigMap").get(source["configMapRef"]["name"], {}).get("data", {}))
        variables.update({variable["name"]: variable["value"] for variable in container.get("env", [])})
        return variables


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def restricted(spec):
    """What of the standard `restricted` a pod does not keep."""
    problems = [key for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers") if spec.get(key)]
    for volume in spec.get("volumes", []):
        problems += [f"a volume of {kind}" for kind in set(volume) - {"name"} - VOLUMES]
    pod = spec.get("securityContext", {})
    problems += [f"{key} of the pod" for key in ("sysctls", "windowsOptions", "seLinuxOptions", "appArmorProfile") if key in pod]
    for container in spec.get("initContainers", []) + spec["containers"]:
        name, own = container["name"], container.get("securityContext", {})
        both = {**pod, **own}
        if both.get("runAsNonRoot") is not True or not both.get("runAsUser") or not both.get("runAsGroup"):
            problems.append(f"{name} may run as root")
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            problems.append(f"{name} has no seccomp profile")
        if own.get("allowPrivilegeEscalation") is not False:
            problems.append(f"{name} may get privileges")
        capabilities = own.get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            problems.append(f"{name} has capabilities")
        problems += [f"{name} is {key}" for key in ("privileged", "procMount", "seLinuxOptions", "windowsOptions") if key in own]
        problems += [f"{name} has a port of its node" for port in container.get("ports", []) if "hostPort" in port]
        handlers = [container.get(key, {}) for key in ("startupProbe", "readinessProbe", "livenessProbe")]
        problems += [f"{name} probes another host" for probe in handlers if "host" in probe.get("httpGet", {})]
    return problems
