"""What the schema of Compose cannot see: check_compose.py STEPS_SERVER SECRETS FILE...

Each FILE is checked by itself: `compose.yaml` and `stack.yaml`. Ends with 3, and says what is wrong, where anything is.
"""

import pathlib
import re
import sys

import yaml

from program import Program

# Who may be reached from other machines, and who may reach the database.
PUBLISHED = {"balancer"}
USES_DATABASE = {"mysql", "migrate", "server", "server-1", "server-2"}


def resolved(text):
    """The file with every variable's default."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", text)


def names(entries):
    """The names in a list or a mapping of references, short or long."""
    if isinstance(entries, dict):
        return list(entries)
    return [entry if isinstance(entry, str) else entry["source"] for entry in entries or []]


def environment(service):
    given = service.get("environment", {})
    return given if isinstance(given, dict) else dict(entry.split("=", 1) for entry in given)


class Check:
    def __init__(self, path, program, secrets):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text()
        self.file = yaml.safe_load(resolved(self.text))
        self.program = program
        self.made = {entry.name for entry in pathlib.Path(secrets).iterdir()}
        self.is_stack = self.path.name == "stack.yaml"
        self.problems = []

    def fail(self, what):
        self.problems.append(f"{self.path}: {what}")

    def require(self, condition, what):
        if not condition:
            self.fail(what)

    def run(self):
        self.variables()
        self.definitions()
        for name, service in self.file["services"].items():
            self.contained(name, service)
            self.settings(name, service)
            self.reached(name, service)
            self.kept_up(name, service)
        database = self.file["networks"]["database"]
        self.require(database.get("internal") is True, "the database can be reached from outside")
        return self.problems

    def variables(self):
        for variable in re.findall(r"\$\{?(\w+)(?!\w*:-)", self.text):
            self.require(f"${{{variable}:-" in self.text, f"${variable} has no default")
        example = (self.path.parent / ".env.example").read_text()
        known = self.text + (self.path.parent / "compose.yaml").read_text()
        for variable, value in re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.M):
            self.require(variable == "COMPOSE_FILE" or f"${{{variable}:-" in known, f".env.example has an unknown {variable}")
            self.require("PASSWORD" not in variable and "TOKEN" not in variable, f".env.example has the secret {variable}")

    def definitions(self):
        services = self.file["services"]
        for kind in ("secrets", "configs", "networks"):
            used = {name for service in services.values() for name in names(service.get(kind))}
            self.same(kind, used)
        volumes = [volume for service in services.values() for volume in service.get("volumes", [])]
        self.require(all(isinstance(volume, dict) for volume in volumes), "a volume in short form")
        self.same("volumes", {volume["source"] for volume in volumes if volume["type"] == "volume"})
        for volume in volumes:
            if volume["type"] == "bind":
                is_file = (self.path.parent / volume["source"]).is_file()
                self.require(is_file and volume.get("read_only") is True, f"{volume['source']} of the machine is mounted")
        for name, secret in self.file["secrets"].items():
            self.require(pathlib.Path(secret["file"]).name in self.made, f"make-secrets makes no {secret['file']}")
            self.require(secret["file"].startswith("./secrets/"), f"the secret {name} is not in secrets/")
        for name, config in self.file.get("configs", {}).items():
            self.require((self.path.parent / config["file"]).is_file(), f"the config {name} is no file")
        for name, service in services.items():
            for other in service.get("depends_on", {}):
                self.require(other in services, f"{name} depends on {other}, which is not there")

    def same(self, kind, used):
        defined = set(self.file.get(kind, {}))
        self.require(used <= defined, f"{kind} used and not defined: {used - defined}")
        self.require(defined <= used, f"{kind} defined and not used: {defined - used}")

    def contained(self, name, service):
        image = service["image"]
        self.require(re.search(r":\d+\.\d+", image), f"{name}: {image} names no version")
        self.require(service.get("read_only") is True, f"{name}: its root can be written")
        self.require(service.get("cap_drop") == ["ALL"] and "cap_add" not in service, f"{name} has capabilities")
        self.require(re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service.get("user"))), f"{name} may run as root")
        for key in ("privileged", "pid", "ipc", "network_mode", "devices", "userns_mode", "cgroup", "sysctls"):
            self.require(key not in service, f"{name} has {key}")
        if not self.is_stack:
            self.require("no-new-privileges:true" in service.get("security_opt", []), f"{name} may get privileges")
            self.require("logging" in service, f"the log of {name} grows for ever")
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        self.require({"cpus", "memory", "pids"} <= set(limits), f"{name} has no limits")

    def settings(self, name, service):
        variables = environment(service)
        for variable, value in variables.items():
            is_secret = re.search(r"PASSWORD|TOKEN|SECRET|DATABASE_URL", variable) and not variable.endswith("_FILE")
            self.require(not is_secret, f"{name}: {variable} is a secret in the environment")
            self.require("://" not in str(value), f"{name}: {variable} may have a password in it")
            if variable.endswith("_FILE"):
                mounted = {f"/run/secrets/{secret}" for secret in names(service.get("secrets"))}
                self.require(value in mounted, f"{name}: {variable} names {value}, which is not mounted")
            if variable.startswith("BALANCER_"):
                configuration = (self.path.parent / "haproxy.cfg").read_text()
                self.require(re.search(rf"\b{variable}\b", configuration), f"{name}: haproxy.cfg knows no {variable}")
        if "/steps:" in service["image"]:
            self.problems += self.program.problems_of_variables(variables)
            self.require(service["command"][0] == "/steps-server", f"{name} runs {service['command']}")
            self.problems += self.program.problems_of_command(service["command"])
            probe = service["healthcheck"].get("test")
            self.problems += self.program.problems_of_command(probe[1:]) if probe else []
            # Only `migrate` has the user who may change tables.
            url = variables["STEPS_DATABASE_URL_FILE"].rsplit("/", 1)[1]
            wanted = "migrate-database-url" if service["command"][1:] == ["migrate"] else "database-url"
            self.require(url == wanted, f"{name} has the database's user of {url}")

    def reached(self, name, service):
        networks = set(names(service["networks"]))
        self.require(("ports" in service) == (name in PUBLISHED), f"{name}: ports")
        self.require(("database" in networks) == (name in USES_DATABASE), f"{name}: its networks are {networks}")
        self.require(("edge" in networks) == (name in PUBLISHED), f"{name}: its networks are {networks}")
        if name == "mysql":
            self.require(networks == {"database"}, "mysql is in other networks, too")
        for port in service.get("ports", []):
            if self.is_stack:
                self.require(port["mode"] == "host", "the mesh of Swarm hides the clients' addresses")
            else:
                self.require(port.startswith("127.0.0.1:"), f"{port} is published to everybody, without TLS")
        if "STEPS_TRUSTED_PROXY" in environment(service):
            subnet = self.file["networks"]["servers"]["ipam"]["config"][0]["subnet"]
            self.require(environment(service)["STEPS_TRUSTED_PROXY"] == subnet, f"{name} trusts another network")

    def kept_up(self, name, service):
        deploy = service.get("deploy", {})
        if name == "migrate":
            if self.is_stack:
                self.require(deploy.get("mode") == "replicated-job", "migrate is no job")
            self.require(service["healthcheck"] == {"disable": True}, "migrate has a health check")
            return
        self.require("test" in service.get("healthcheck", {}), f"{name} has no health check")
        self.require("stop_grace_period" in service, f"{name} may be killed in the midst of its work")
        if not self.is_stack:
            self.require(service.get("restart") == "unless-stopped", f"{name} is not started again")
            return
        self.require(deploy.get("restart_policy", {}).get("condition") == "any", f"{name} is not started again")
        self.require(deploy["update_config"].get("failure_action") == "rollback", f"{name}: a bad update stays")
        self.require("rollback_config" in deploy, f"{name} has no rollback_config")
        if name == "server":
            self.require(deploy["replicas"] >= 2, "one server alone")
            self.require(deploy["update_config"]["order"] == "start-first", "a server is stopped before the next one is there")


def main():
    server, secrets, *files = sys.argv[1:]
    problems = [problem for file in files for problem in Check(file, Program(server), secrets).run()]
    print("\n".join(problems) or "nothing is wrong")
    sys.exit(3 if problems else 0)


main()
