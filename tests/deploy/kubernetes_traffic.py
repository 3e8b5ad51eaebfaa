"""What the NetworkPolicies of an installation admit, compared with what is needed: computed as Kubernetes does."""

from kubernetes_pods import NAMESPACE, matches

# Who is asked from, or asked, outside of the namespace.
CONTROLLER = {"kubernetes.io/metadata.name": "traefik"}
STRANGER = {"kubernetes.io/metadata.name": "default"}
HOME = {"kubernetes.io/metadata.name": NAMESPACE}
KUBE_SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}
DNS = {"k8s-app": "kube-dns"}


class Traffic:
    def __init__(self, installation):
        self.all = installation
        self.policies = [policy["spec"] for policy in installation.of("NetworkPolicy")]
        self.is_embedded = bool(installation.of("StatefulSet"))

    def admits(self, direction, pod, peer, port):
        """Whether the policies of `pod` admit a peer (its namespace's labels, its own, or an address) at a port of TCP."""
        selecting = [policy for policy in self.policies if pod.matches(policy["podSelector"]) and direction in policy["policyTypes"]]
        if not selecting:
            return True
        side = "from" if direction == "Ingress" else "to"
        for policy in selecting:
            for rule in policy.get(direction.lower(), []):
                if self._has_port(rule, port) and any(self._is(entry, peer) for entry in rule.get(side, [])):
                    return True
        return False

    def _has_port(self, rule, port):
        assert rule.get("ports"), "a rule without ports admits all of them"
        return any(entry["port"] in port for entry in rule["ports"])

    def _is(self, entry, peer):
        namespace, labels = peer
        if "ipBlock" in entry:
            return namespace is None
        if namespace is None:
            return False
        if "namespaceSelector" in entry:
            if not matches(entry["namespaceSelector"], namespace):
                return False
        elif namespace is not HOME:
            return False
        return matches(entry.get("podSelector", {}), labels)

    def problems(self):
        problems = []
        for policy in self.policies:
            if not self.all.selected(policy["podSelector"]):
                problems.append(f"a network policy of no pod: {policy['podSelector']}")
        # A port by its number and by its name.
        http, mysql, dns, other = {7878, "http"}, {3306, "mysql"}, {53}, {443}

        def need(is_needed, is_admitted, what):
            if is_needed != is_admitted:
                problems.append(f"{what}: {'is needed and not admitted' if is_needed else 'is admitted and not needed'}")

        for pod in self.all.pods:
            is_server, is_database = pod is self.all.server, pod.name.startswith("StatefulSet")
            uses_database = not is_database and self._uses_mysql(pod)
            for port, name in ((http, 7878), (mysql, 3306), (other, 443)):
                need(is_server and name == 7878, self.admits("Ingress", pod, (CONTROLLER, {}), port), f"the controller to {pod} at {name}")
                need(False, self.admits("Ingress", pod, (STRANGER, {}), port), f"strangers to {pod} at {name}")
                need(False, self.admits("Ingress", pod, (None, {}), port), f"addresses to {pod} at {name}")
                is_external = uses_database and not self.is_embedded and name == 3306
                need(is_external, self.admits("Egress", pod, (None, {}), port), f"{pod} to addresses at {name}")
                need(False, self.admits("Egress", pod, (STRANGER, {}), port), f"{pod} to strangers at {name}")
            need(uses_database, self.admits("Egress", pod, (KUBE_SYSTEM, DNS), dns), f"{pod} to DNS")
            need(False, self.admits("Egress", pod, (KUBE_SYSTEM, {}), dns), f"{pod} to kube-system")
            for to in self.all.pods:
                for port, name in ((http, 7878), (mysql, 3306)):
                    is_admitted = self.admits("Egress", pod, (HOME, to.labels), port) and self.admits("Ingress", to, (HOME, pod.labels), port)
                    is_needed = uses_database and to.name.startswith("StatefulSet") and name == 3306
                    need(is_needed, is_admitted, f"{pod} to {to} at {name}")
        return problems

    def _uses_mysql(self, pod):
        text = str(pod.spec) + str([self.all.environment(container) for container in pod.containers])
        return "DATABASE_URL_FILE" in text or "defaults-extra-file" in text
