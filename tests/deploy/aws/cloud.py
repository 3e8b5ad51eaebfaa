"""A cloud on this machine for the test of steps-launcher: moto, and what moto cannot play.

moto makes what a template says, and knows neither of these: a secret, the association of an address, a snapshot before a volume is
deleted, a stack that takes time, and a machine that answers. Here they are played; the machine is a real steps-server over TLS, with
the token that stands in the secret, at the address that the template gives it.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse

from moto.core.common_models import CloudFormationModel
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

# moto files each model under the second part of its module's name.
__name__ = "moto.played"

ACCOUNT, REGION = "123456789012", "eu-central-1"
ADDRESS = "127.0.0.9"
ENDPOINT = "http://127.0.0.1:5000"


def stacks():
    from moto.cloudformation.models import cloudformation_backends

    return cloudformation_backends[ACCOUNT][REGION]


def ec2():
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT][REGION]


def secrets():
    from moto.secretsmanager.models import secretsmanager_backends

    return secretsmanager_backends[ACCOUNT][REGION]


class Played:
    """What the missing kinds of resources share. moto finds the direct subclasses of CloudFormationModel."""

    def __init__(self, name):
        self.name = name

    @property
    def physical_resource_id(self):
        return self.name

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, **_):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, *_):
        pass


class Secret(Played, CloudFormationModel):
    left_behind = False

    @staticmethod
    def cloudformation_type():
        return "AWS::SecretsManager::Secret"

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        properties = cloudformation_json["Properties"]
        tags = [{"Key": "steps-launcher", "Value": resource_name.split("-TokenSecret-")[0]}]
        secret, _ = secrets()._add_secret(resource_name, secret_string=properties["SecretString"], tags=tags)
        return cls(secret.arn)

    def delete(self, *_):
        if not Secret.left_behind:
            secrets().delete_secret(self.name, recovery_window_in_days=None, force_delete_without_recovery=True)


class Association(Played, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::EIPAssociation"

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        properties = cloudformation_json["Properties"]
        interface = ec2().get_network_interface(properties["NetworkInterfaceId"])
        address = ec2().associate_address(eni=interface, allocation_id=properties["AllocationId"], reassociate=True)
        return cls(address.association_id)

    def delete(self, *_):
        if any(address.association_id == self.name for address in ec2().addresses):
            ec2().disassociate_address(association_id=self.name)


class Handle(Played, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::CloudFormation::WaitConditionHandle"

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, *_, **__):
        return cls(f"https://signals.example/{resource_name}?a=1&b=2")

    def delete(self, *_):
        pass


class Answers(Played, CloudFormationModel):
    """The machine's answer: the machine is started for it."""

    data = "{}"

    @staticmethod
    def cloudformation_type():
        return "AWS::CloudFormation::WaitCondition"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "Data"

    def get_cfn_attribute(self, attribute_name):
        return self.data

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, *_, **__):
        answers = cls(resource_name)
        answers.data = machine.boot()
        return answers

    def delete(self, *_):
        machine.stop()


class Machine:
    """The machine's inside: a steps-server at the address, its data and its certificate in a folder."""

    def __init__(self):
        self.program = os.environ["STEPS_SERVER_PROGRAM"]
        self.folder = tempfile.mkdtemp(prefix="steps-machine.")
        self.process = None
        self.is_mute = False

    def boot(self):
        import json

        os.makedirs(self.folder, exist_ok=True)
        certificate, key, token = (os.path.join(self.folder, name) for name in ("tls.crt", "tls.key", "token"))
        # As deploy/aws/steps.yaml makes it.
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "3650"]
            + ["-subj", f"/CN=steps at {ADDRESS}", "-addext", f"subjectAltName=IP:{ADDRESS}"]
            + ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]
            + ["-keyout", key, "-out", certificate],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        (secret,) = [secret for secret in secrets().secrets.values()]
        with open(token, "w") as file:
            file.write(secret.versions[secret.default_version_id]["secret_string"])
        if not self.is_mute:
            self.start()
        return json.dumps({"machine": open(certificate).read()})

    def start(self):
        environment = {
            "HOME": self.folder,
            "STEPS_LISTEN": f"{ADDRESS}:443",
            "STEPS_DATABASE_URL": f"sqlite:{self.folder}/steps.db",
            "STEPS_BOOTSTRAP_TOKEN_FILE": f"{self.folder}/token",
            "STEPS_TLS_CERT": f"{self.folder}/tls.crt",
            "STEPS_TLS_KEY": f"{self.folder}/tls.key",
        }
        log = open(f"{self.folder}/log", "a")
        self.process = subprocess.Popen([self.program], env=environment, stderr=log, stdout=log)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


machine = Machine()


def prepare():
    """What moto does otherwise than AWS."""
    from moto.ec2.models import elastic_block_store, elastic_ip_addresses, elastic_network_interfaces, instances, internet_gateways, route_tables, subnets
    from moto.ssm import ssm_backends
    from moto.ssm.models import Parameter
    from moto.cloudformation import parsing
    from moto.core.utils import utcnow

    parsing.NULL_MODELS.clear()  # they are played above
    clean = parsing.clean_json

    def clean_json(value, resources):
        cleaned = clean(value, resources)
        return [one for one in cleaned if one is not None] if isinstance(cleaned, list) else cleaned

    parsing.clean_json = clean_json  # AWS::NoValue in a list
    # moto forgets each resource that it cannot update; here they stay as they were.
    parsing.parse_and_update_resource = lambda name, json, resources, **_: resources[name]
    elastic_ip_addresses.random_ip = lambda: ADDRESS
    for architecture in ("arm64", "amd64"):
        name = f"/aws/service/debian/release/13/latest/{architecture}"
        image = next(iter(ec2().amis))
        parameter = Parameter(ACCOUNT, name, image, "String", None, None, None, utcnow(), 1, "text")
        ssm_backends[ACCOUNT][REGION]._parameters[name] = [parameter]

    delete = parsing.ResourceMap.delete

    def delete_resources(resources):
        # CloudFormation remembers what a removed stack had; moto would make it again.
        had = dict(resources._parsed_resources)
        delete(resources)
        resources._parsed_resources = had

    parsing.ResourceMap.delete = delete_resources
    subnets.Subnet.get_cfn_attribute = lambda subnet, _: subnet.availability_zone

    def delete_volume(volume, *_):
        # DeletionPolicy: Snapshot
        ec2().create_snapshot(volume.id, "left by CloudFormation")
        if volume.attachment:
            ec2().detach_volume(volume.id, volume.attachment.instance.id, volume.attachment.device)
        ec2().delete_volume(volume.id)

    def delete_routes(table, *_):
        for association in list(table.associations):
            ec2().disassociate_route_table(association)
        ec2().delete_route_table(table.id)

    def delete_gateway(gateway, *_):
        gateway.vpc = None
        ec2().delete_internet_gateway(gateway.id)

    def delete_interface(interface, *_):
        ec2().enis.pop(interface.id, None)

    terminate = instances.Instance.terminate

    def delete_machine(instance, *_):
        # moto gives it another interface than the template's.
        terminate(instance)
        for interface in instance.nics.values():
            ec2().enis.pop(interface.id, None)

    # moto leaves these behind.
    instances.Instance.delete = delete_machine
    elastic_network_interfaces.NetworkInterface.delete = delete_interface
    elastic_block_store.Volume.delete = delete_volume
    route_tables.RouteTable.delete = delete_routes
    internet_gateways.InternetGateway.delete = delete_gateway
    elastic_ip_addresses.ElasticAddress.delete = lambda address, *_: ec2().release_address(allocation_id=address.allocation_id)


class Front:
    """Stands before moto: counts what is asked for, refuses what it is told to, and lets stacks take time."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.asked = []
        self.refusals = {}
        self.seconds = 0
        self.after_create = None

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        import io

        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET")
        form = urllib.parse.parse_qs(body.decode(errors="replace")) if not target else {}
        action = target.rsplit(".")[-1] if target else form.get("Action", ["?"])[0]
        self.asked.append(action)
        if action in self.refusals:
            status, code, message = self.refusals[action]
            start_response(f"{status} Refused", [("Content-Type", "text/xml")])
            error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            if action in ("DescribeKeyPairs", "GetConsoleOutput"):  # of EC2
                return [f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>".encode()]
            return [f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>".encode()]
        if action == "UpdateStack":
            # What was not said when the stack was made has its default; moto knows no previous value of it.
            for stack in stacks().stacks.values():
                said = stack.template_dict["Parameters"].items()
                stack.parameters = {**{name: str(one["Default"]) for name, one in said if "Default" in one}, **stack.parameters}
        answer = list(self.moto(environ, start_response))
        if action in ("CreateStack", "UpdateStack", "DeleteStack"):
            (self.after_create or self.take_time)(action)
        return answer

    def take_time(self, action):
        """The stack is under way for a while, resource by resource."""
        verb = action.removesuffix("Stack").upper()
        found = [*stacks().stacks.values(), *(stacks().deleted_stacks.values() if verb == "DELETE" else [])]
        if not self.seconds or not found:
            return
        stack = found[-1]
        if stack.status != f"{verb}_COMPLETE":
            return
        end = stack.events.pop() if stack.events[-1].resource_status == f"{verb}_COMPLETE" else None
        stack.status = f"{verb}_IN_PROGRESS"

        def work():
            names = list(stack.resource_map._resource_json_map)
            for name in names:
                event(stack, name, f"{verb}_IN_PROGRESS")
                time.sleep(self.seconds / len(names))
                event(stack, name, f"{verb}_COMPLETE")
            if end:
                stack.events.append(end)
            stack.status = f"{verb}_COMPLETE"

        threading.Thread(target=work, daemon=True).start()


def event(stack, name, status, reason=None, physical=None):
    """Something happens to a resource of a stack."""
    from moto.cloudformation.models import Event

    kind = stack.resource_map._resource_json_map.get(name, {}).get("Type", "AWS::CloudFormation::Stack")
    parsed = stack.resource_map._parsed_resources.get(name)
    physical = physical or getattr(parsed, "physical_resource_id", name)
    stack.events.append(Event(stack.stack_id, stack.name, name, physical, kind, status, reason, None))


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def serve():
    """Starts it, in a thread."""
    front = Front()
    server = make_server("127.0.0.1", 5000, front, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return front
