"""What the schemas of Kubernetes cannot see: check_kubernetes.py STEPS_SERVER README RENDERED

RENDERED is a rendered overlay; README documents which secrets there must be, as `kubectl create secret` commands. Ends with 3, and
says what is wrong, where anything is.
"""

import pathlib
import re
import sys

from kubernetes_pods import NAMESPACE, Installation, duration, restricted
from kubernetes_traffic import Traffic
from program import Program


def documented_secrets(readme):
    """What `kubectl create secret` commands make: the keys of each name."""
    secrets = {"steps-tls": {"tls.crt", "tls.key"}}
    for name, files in re.findall(r"create secret generic (\S+)((?:[\s\\]+--from-\S+)+)", readme):
        secrets[name] = {re.split(r"[=/]", file)[-1] for file in re.findall(r"--from-file=(\S+)", files)}
    return secrets


class Check:
    def __init__(self, program, readme, rendered):
        self.program = program
        self.secrets = documented_secrets(readme)
        self.all = Installation(rendered)
        self.problems = []

    def require(self, condition, what):
        if not condition:
            self.problems.append(what)

    def run(self):
        self.require(not self.all.of("Secret"), "a secret is in the repository")
        for document in self.all.documents:
            where = document["metadata"].get("namespace", document["metadata"]["name"])
            self.require(where == NAMESPACE, f"{document['kind']} {document['metadata']['name']} is elsewhere")
        labels = self.all.of("Namespace")[0]["metadata"]["labels"]
        self.require(labels.get("pod-security.kubernetes.io/enforce") == "restricted", "the namespace is not restricted")
        for pod in self.all.pods:
            self.problems += [f"{pod}: {problem}" for problem in restricted(pod.spec)]
            self.mounted(pod)
            self.references(pod)
            for container in pod.containers:
                self.container(pod, container)
        self.selectors()
        self.services()
        self.servers()
        self.jobs()
        self.problems += Traffic(self.all).problems()
        return self.problems

    def mounted(self, pod):
        spec = pod.spec
        self.require(spec.get("automountServiceAccountToken") is False, f"{pod} gets a token of Kubernetes")
        self.require(spec.get("enableServiceLinks") is False, f"{pod} gets variables of every service")
        accounts = {account["metadata"]["name"] for account in self.all.of("ServiceAccount")}
        self.require(spec.get("serviceAccountName") in accounts, f"{pod} has no account")
        volumes = {volume["name"] for volume in spec.get("volumes", [])} | pod.claimed
        used = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        self.require(volumes == used, f"{pod}: volumes that are not mounted, or not there: {volumes ^ used}")

    def references(self, pod):
        for volume in pod.spec.get("volumes", []):
            if "secret" in volume:
                name = volume["secret"]["secretName"]
                self.require(name in self.secrets, f"{pod}: the secret {name} is not documented")
                self.require(volume["secret"].get("defaultMode") == 0o440, f"{pod}: others can read {name}")
            if "configMap" in volume:
                self.require(volume["configMap"]["name"] in self.all.named("ConfigMap"), f"{pod}: no ConfigMap {volume}")
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                self.require(claim in self.all.named("PersistentVolumeClaim"), f"{pod}: no claim {claim}")
            if "emptyDir" in volume:
                self.require("sizeLimit" in volume["emptyDir"], f"{pod}: {volume['name']} has no limit")

    def container(self, pod, container):
        name = f"{pod}/{container['name']}"
        resources = container.get("resources", {})
        for kind in ("requests", "limits"):
            self.require({"cpu", "memory"} <= set(resources.get(kind, {})), f"{name} has no {kind}")
        self.require(re.search(r":\d+\.\d+", container["image"]), f"{name}: {container['image']} names no version")
        read_only = container.get("securityContext", {}).get("readOnlyRootFilesystem")
        self.require(read_only is True, f"{name}: its root can be written")
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            self.require(port is None or port in ports, f"{name}: its {probe} asks the port {port}")
        for source in container.get("envFrom", []):
            self.require(source.get("configMapRef", {}).get("name") in self.all.named("ConfigMap"), f"{name}: {source}")
        self.settings(pod, container, name)

    def settings(self, pod, container, name):
        variables = self.all.environment(container)
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        files = set()
        for mount in container.get("volumeMounts", []):
            secret = volumes.get(mount["name"], {}).get("secret", {}).get("secretName")
            files |= {f"{mount['mountPath']}/{key}" for key in self.secrets.get(secret, ())}
            may_migrate = secret == "steps-migrate"
            self.require(not may_migrate or container["name"] in ("migrate", "restore"), f"{name} may change tables")
        text = " ".join([*container.get("args", []), *map(str, variables.values())])
        for file in re.findall(r"/run/secrets/[\w./-]+", text):
            self.require(file in files, f"{name}: {file} is not mounted")
        for variable, value in variables.items():
            is_secret = re.search("PASSWORD|TOKEN|SECRET", variable) and not variable.endswith("_FILE")
            self.require(not is_secret and "@" not in str(value), f"{name}: {variable} is a secret in the environment")
        if "/steps:" in container["image"]:
            self.problems += self.program.problems_of_variables(variables)
            self.require(container["command"][0] == "/steps-server", f"{name} runs {container['command']}")
            self.problems += self.program.problems_of_command(container["command"])

    def selectors(self):
        for kind in ("Deployment", "StatefulSet"):
            for document in self.all.of(kind):
                wanted = document["spec"]["selector"]["matchLabels"].items()
                labels = document["spec"]["template"]["metadata"]["labels"].items()
                self.require(wanted <= labels, f"{kind} {document['metadata']['name']} selects other pods")
        for pod in self.all.pods:
            for constraint in pod.spec.get("topologySpreadConstraints", []):
                self.require(pod.matches(constraint["labelSelector"]), f"{pod} is spread beside others")
            for term in pod.beside():
                self.require(self.all.selected(term), f"{pod} waits for a pod that never is")
        for budget in self.all.of("PodDisruptionBudget"):
            self.require(self.all.selected(budget["spec"]["selector"]) == [self.all.server], "a budget of other pods")

    def services(self):
        ports_of = {}
        for service in self.all.of("Service"):
            name, spec = service["metadata"]["name"], service["spec"]
            pods = self.all.selected({"matchLabels": spec["selector"]})
            self.require(len(pods) == 1, f"the service {name} is of {pods}")
            ports_of[name] = {port["name"] for port in spec["ports"]}
            for port in spec["ports"]:
                self.require(all(port["targetPort"] in pod.ports for pod in pods), f"the service {name}: {port}")
        for ingress in self.all.of("Ingress"):
            for rule in ingress["spec"]["rules"]:
                for path in rule["http"]["paths"]:
                    service = path["backend"]["service"]
                    self.require(service["port"]["name"] in ports_of.get(service["name"], ()), f"no {service}")
            hosts = {host for tls in ingress["spec"].get("tls", []) for host in tls["hosts"]}
            self.require(hosts == {rule["host"] for rule in ingress["spec"]["rules"]}, "a host without TLS")
            self.require(all(tls["secretName"] in self.secrets for tls in ingress["spec"]["tls"]), "no certificate")
        for document in self.all.of("StatefulSet"):
            self.require(document["spec"]["serviceName"] in ports_of, "a StatefulSet without its service")

    def servers(self):
        spec = self.all.deployment["spec"]
        scalers, budgets = self.all.of("HorizontalPodAutoscaler"), self.all.of("PodDisruptionBudget")
        delay = duration(self.all.environment(self.all.server.containers[-1]).get("STEPS_SHUTDOWN_DELAY", "0s"))
        grace = self.all.server.spec["terminationGracePeriodSeconds"]
        self.require(grace > delay + 10, f"a server is killed after {grace} s, which needs {delay} + 10")
        if any("persistentVolumeClaim" in volume for volume in self.all.server.spec["volumes"]):
            self.require(spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}, "two servers on one volume")
            self.require(not scalers and not budgets, "one server alone is scaled, or holds up who empties its node")
            return
        self.require(delay >= 10, "a server stops before its address is taken away")
        rolling = spec["strategy"]["rollingUpdate"]
        self.require(rolling["maxUnavailable"] == 0 and rolling["maxSurge"] >= 1, "an update takes a server away")
        self.require(len(budgets) == 1 and budgets[0]["spec"]["maxUnavailable"] == 1, "no budget")
        self.require("replicas" not in spec, "replicas undoes what the autoscaler did")
        self.require(len(scalers) == 1 and scalers[0]["spec"]["minReplicas"] >= 2, "one server alone")
        target = scalers[0]["spec"]["scaleTargetRef"]
        self.require(target["name"] == self.all.deployment["metadata"]["name"], "nothing is scaled")
        keys = {term["topologyKey"] for term in self.all.server.spec["topologySpreadConstraints"]}
        self.require("kubernetes.io/hostname" in keys, "all servers may be on one node")

    def jobs(self):
        suspended = {}
        for job in self.all.of("CronJob"):
            name, spec = job["metadata"]["name"], job["spec"]
            suspended[name] = spec.get("suspend", False)
            self.require(spec["concurrencyPolicy"] == "Forbid", f"two {name} at the same time")
            self.require("activeDeadlineSeconds" in spec["jobTemplate"]["spec"], f"{name} may take for ever")
        self.require(suspended == {"backup": False, "restore": True, "prune": True}, f"jobs: {suspended}")


def main():
    server, readme, rendered = sys.argv[1:]
    problems = Check(Program(server), pathlib.Path(readme).read_text(), rendered).run()
    print("\n".join(dict.fromkeys(problems)) or "nothing is wrong")
    sys.exit(3 if problems else 0)


main()
