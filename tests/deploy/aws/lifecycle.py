"""The whole life of a machine, as its owner sees it: steps-launcher against the cloud of cloud.py.

Runs in a network of its own (`unshare --net`), as root, so that the machine's server can have port 443 of an address.
Environment: LAUNCHER, STEPS and STEPS_SERVER_PROGRAM name the programs.
"""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")

import boto3  # noqa: E402

import cloud  # noqa: E402
from cloud import ENDPOINT, REGION, machine, stacks  # noqa: E402

HOME = tempfile.mkdtemp(prefix="steps-home.")
PACKAGE = ["--package", "https://packages.example/steps-server_0.1.0-1_arm64.deb", "--package-sha256", "a" * 64]
KEPT = f"{HOME}/.config/steps/aws/{cloud.ACCOUNT}-{REGION}-steps"


def environment(**changes):
    base = {
        "HOME": HOME,
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    base.update(changes)
    return {name: value for name, value in base.items() if value is not None}


def launcher(*flags, code=0, says=(), **changes):
    """Runs it; says what it wrote."""
    command = [os.environ["LAUNCHER"], *flags]
    try:
        run = subprocess.run(
            command, env=environment(**changes), capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"steps-launcher {flags} does not end: {error.stdout} {error.stderr}") from None
    text = run.stdout + run.stderr
    if os.environ.get("SHOW"):
        print(f"$ steps-launcher {' '.join(flags)}\n{text}", file=sys.stderr)
    assert run.returncode == code, f"steps-launcher {flags}: exit code {run.returncode} instead of {code}:\n{text}"
    for word in says:
        assert word in text, f"steps-launcher {flags} does not say {word!r}:\n{text}"
    assert "panicked" not in text
    return text


def inventory():
    """Everything that the account has, by kind."""
    ec2, iam = boto3.client("ec2", REGION, endpoint_url=ENDPOINT), boto3.client("iam", endpoint_url=ENDPOINT)
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped", "shutting-down"]}]
    pages = {
        "machines": [i["InstanceId"] for r in ec2.describe_instances(Filters=alive)["Reservations"] for i in r["Instances"]],
        "volumes": [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]],
        "snapshots": [s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]],
        "networks": [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]],
        "subnets": [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]],
        "gateways": [g["InternetGatewayId"] for g in ec2.describe_internet_gateways()["InternetGateways"]],
        "route tables": [r["RouteTableId"] for r in ec2.describe_route_tables()["RouteTables"]],
        "firewalls": [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]],
        "addresses": [a["PublicIp"] for a in ec2.describe_addresses()["Addresses"]],
        "interfaces": [n["NetworkInterfaceId"] for n in ec2.describe_network_interfaces()["NetworkInterfaces"]],
        "roles": [r["RoleName"] for r in iam.list_roles()["Roles"]],
        "profiles": [p["InstanceProfileName"] for p in iam.list_instance_profiles()["InstanceProfiles"]],
        "secrets": [
            s["Name"] for s in boto3.client("secretsmanager", REGION, endpoint_url=ENDPOINT).list_secrets()["SecretList"]
        ],
        "logs": boto3.client("logs", REGION, endpoint_url=ENDPOINT).describe_log_groups()["logGroups"],
        "stacks": list(stacks().stacks),
    }
    return {kind: sorted(map(str, found)) for kind, found in pages.items()}


def difference(empty):
    now = inventory()
    return {kind: (set(now[kind]) ^ set(empty[kind])) for kind in now if now[kind] != empty[kind]}


def commands_of(text):
    """The examples that were printed, joined to one script."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"  (export|steps|curl) ", line)]
    assert len(lines) >= 7, text
    return "\n".join(["set -e", *lines])


def run_examples(text):
    folder = tempfile.mkdtemp(prefix="steps-examples.")
    os.symlink(os.environ["STEPS"], f"{folder}/steps")
    script = commands_of(text)
    run = subprocess.run(
        ["bash", "-c", script], env={"HOME": folder, "PATH": f"{folder}:{os.environ['PATH']}"}, capture_output=True, text=True, timeout=120
    )
    shutil.rmtree(folder)
    assert run.returncode == 0, f"{script}\n{run.stdout}{run.stderr}"
    return run.stdout


def case(title):
    print(f"lifecycle: {title}", file=sys.stderr)


def refused(front, action, code, message, status=400):
    front.refusals = {action: (status, code, message)}


def wrong_credentials(front):
    case("credentials, region and permissions that are wrong say what to do")
    none = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    launcher(code=2, says=["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"], **none)
    launcher(code=2, says=["no region", "--region"], AWS_REGION=None)
    launcher("--region", "not a region", code=2, says=["no region is called"])
    for code, message, says in [
        ("InvalidClientTokenId", "The security token included in the request is invalid.", "AWS does not know this access key"),
        ("SignatureDoesNotMatch", "The request signature we calculated does not match", "AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", "The security token included in the request is expired", "have expired"),
        ("AccessDenied", "User: u is not authorized to perform: sts:GetCallerIdentity on resource: r", "do sts:GetCallerIdentity"),
    ]:
        refused(front, "GetCallerIdentity", code, message, 403)
        launcher(code=2, says=[says, code])
    refused(front, "CreateStack", "AccessDenied", "User: u is not authorized to perform: cloudformation:CreateStack on r", 403)
    launcher(*PACKAGE, code=2, says=["do cloudformation:CreateStack", "permissions.json"])
    refused(front, "CreateStack", "LimitExceededException", "Limit exceeded: stacks")
    launcher(*PACKAGE, code=1, says=["Service Quotas"])
    front.refusals = {}
    launcher(code=1, says=["check the region's name, the network"], AWS_ENDPOINT_URL="http://127.0.0.1:9")
    launcher("--key-name", "unknown", *PACKAGE, code=2, says=["unknown", "InvalidKeyPair.NotFound", "--key-name"])
    launcher(code=1, says=["checksum cannot be read", "--package-sha256"])
    launcher(*PACKAGE, code=2, says=["can be written to", "--directory"], STEPS_LAUNCHER_DIR="/proc/none")
    launcher("--ssh-from", "everywhere", code=2, says=["203.0.113.7/32"])
    assert not stacks().stacks


def dry_run():
    case("--dry-run shows what would be sent, and asks nothing")
    nothing = {name: None for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL")}
    text = launcher("--dry-run", "--architecture", "amd64", "--domain", "steps.example.com", **nothing)
    assert "# InstanceType: t3.small" in text and "_amd64.deb" in text and "# Domain: steps.example.com" in text
    assert open("deploy/aws/steps.yaml").read() in text


def launch(front):
    case("a launch that is stopped in the middle, and goes on")
    front.seconds = 6
    process = subprocess.Popen(
        [os.environ["LAUNCHER"], *PACKAGE], env=environment(AWS_KEY_NAME=""), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 120
    while not stacks().stacks or len(list(stacks().stacks.values())[0].events) < 8:
        assert time.monotonic() < deadline and process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "--destroy" in text and "goes on at AWS" in text, text
    token = open(f"{KEPT}/token").read().strip()
    launcher("--status", code=1, says=["CREATE_IN_PROGRESS"])
    text = launcher(*PACKAGE, says=["making", "The server answers: https://127.0.0.9"])
    assert open(f"{KEPT}/token").read().strip() == token, "the token was kept"
    front.seconds = 0
    for name in ("token", "ca.pem", "authorization"):
        assert stat.S_IMODE(os.stat(f"{KEPT}/{name}").st_mode) == 0o600
    (shown,) = boto3.client("cloudformation", REGION, endpoint_url=ENDPOINT).describe_stacks()["Stacks"]
    shown = [shown["Outputs"], shown["Tags"], shown.get("Description")]  # moto shows NoEcho parameters
    assert token not in text and token not in json.dumps(shown), f"no token but in the secret: {shown}"
    (stack,) = stacks().stacks.values()
    assert stack.template_dict["Parameters"]["Token"]["NoEcho"] is True
    (instance,) = [i for r in cloud.ec2().describe_instances() for i in r.instances]
    import base64

    user_data = base64.b64decode(instance.user_data).decode()
    assert token not in user_data and "secretsmanager get-secret-value" in user_data
    assert len(user_data) < 16384, "EC2 takes 16 KiB"
    open(os.environ["USER_DATA"], "w").write(user_data)

    case("the examples that are printed work")
    out = run_examples(text)
    assert '"component": "checkout"' in out.replace('":"', '": "') or "checkout" in out
    return text


def again(front, first):
    case("a second launch finds it, changes nothing, and prints the same")
    before, asked = inventory(), len(front.asked)
    assert commands_of(launcher(*PACKAGE)) == commands_of(first)
    assert inventory() == before and not {"CreateStack", "UpdateStack"} & set(front.asked[asked:])
    launcher("--status", says=["CREATE_COMPLETE", "is running", "is ready"])

    case("on another machine, the token and the certificate are read again")
    kept = open(f"{KEPT}/token").read()
    shutil.rmtree(KEPT)
    launcher(*PACKAGE)
    assert open(f"{KEPT}/token").read() == kept

    case("one step was recorded by all of them")
    token = kept.strip()
    curl = ["curl", "--silent", "--fail", "--cacert", f"{KEPT}/ca.pem", "--header", f"Authorization: Bearer {token}"]
    count = subprocess.run([*curl, "https://127.0.0.9/v1/steps/count?component=steps-launcher"], capture_output=True, text=True, check=True)
    assert re.search(r"\b1\b", count.stdout), count.stdout


def update(front):
    case("another size and another package update the stack; another template, too")
    launcher(*PACKAGE, "--data-size", "20")
    (stack,) = stacks().stacks.values()
    assert front.asked.count("UpdateStack") == 1 and str(stack.parameters["DataSize"]) == "20", stack.parameters
    token = open(f"{KEPT}/token").read().strip()
    assert stack.parameters["Token"] == token, "the token stays as it was"
    assert stack.parameters["ImageId"], "the image stays as it was"
    launcher(*PACKAGE[:3], "b" * 64)
    assert stack.parameters["PackageSha256"] == "b" * 64 and str(stack.parameters["DataSize"]) == "20"
    stack.template = stack.template + "\n# changed by hand\n"
    launcher(*PACKAGE)
    assert front.asked.count("UpdateStack") == 3
    launcher(*PACKAGE, "--architecture", "amd64", code=2, says=["cannot change", "--keep-data"])


def silent_machine():
    case("a machine that does not answer: its console is shown")
    machine.process.send_signal(signal.SIGSTOP)
    os.environ["WAIT"] = "1"
    launcher("--status", code=1, says=["does not answer"])
    machine.process.send_signal(signal.SIGCONT)
    machine.process.terminate()
    machine.process.wait(60)
    launcher(*PACKAGE, "--wait", "1", code=1, says=["does not answer", "console", "--wait MINUTES"])
    machine.start()
    launcher(*PACKAGE, says=["The server answers"])


def other_stacks():
    case("a stack of somebody else is left alone")
    template = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    stacks().create_stack("other", template, {}, tags={})
    for action in ([], ["--status"], ["--destroy", "--yes"]):
        launcher("--name", "other", *action, code=2, says=["was not made by steps-launcher", "--name"])
    assert any(stack.name == "other" for stack in stacks().stacks.values())
    stacks().delete_stack("other")


def destroy(front, empty):
    case("--destroy asks first; --keep-data keeps a snapshot; nothing else is left")
    launcher("--destroy", code=2, says=["--yes"])
    front.seconds = 3
    text = launcher("--destroy", "--yes", "--keep-data", says=["removed: the machine", "kept: the data: snap-", "nothing is left"])
    front.seconds = 0
    snapshot = re.search(r"--snapshot (snap-[0-9a-f]+)", text)[1]
    assert inventory() == {**empty, "snapshots": sorted([*empty["snapshots"], snapshot])}, difference(empty)
    assert not os.path.exists(KEPT)
    launcher("--status", code=3, says=["there is no stack"])

    case("a machine of the snapshot, and a secret that its removal leaves behind")
    launcher(*PACKAGE, "--snapshot", snapshot)
    cloud.Secret.left_behind = True
    launcher("--destroy", "--yes", says=["the snapshot of the data: snap-", "the secret that the stack had left"])
    cloud.Secret.left_behind = False
    launcher("--destroy", "--yes", says=[f"the snapshot of the data: {snapshot}", "nothing is left"])
    assert inventory() == empty, difference(empty)
    launcher("--destroy", "--yes", says=["nothing is left"])


def failed_launch(front, empty):
    case("a machine that fails: what it said is shown, then --destroy, then a launch that succeeds")
    said = "WaitCondition received failed message: 'set-up failed: the checksum did NOT match' for uniqueId: machine"

    def fail(action):
        if action == "CreateStack":
            (stack,) = stacks().stacks.values()
            stack.events.pop()
            cloud.event(stack, "Machine", "CREATE_COMPLETE")
            cloud.event(stack, "Answers", "CREATE_FAILED", said)
            cloud.event(stack, "Role", "CREATE_FAILED", "Resource creation cancelled")
            stack.status = "ROLLBACK_COMPLETE"

    front.after_create = fail
    launcher(*PACKAGE, code=1, says=["ROLLBACK_COMPLETE", "the checksum did NOT match", "console", "--destroy"])
    front.after_create = None
    launcher("--status", code=1, says=["ROLLBACK_COMPLETE", "NOT match"])
    launcher(*PACKAGE, code=1, says=["ROLLBACK_COMPLETE", "--destroy"])
    launcher("--destroy", "--yes", says=["nothing is left"])
    assert inventory() == empty, difference(empty)

    case("a quota, a zone and a permission that a resource lacks")
    for name, reason, says in [
        ("Address", "The maximum number of addresses has been reached. (Service: Ec2, Status Code: 400)", "Service Quotas"),
        ("Machine", "Your requested instance type (t4g.small) is not supported in your requested Availability Zone", "--zone"),
        ("Network", "You are not authorized to perform: ec2:CreateVpc. Encoded message", "do ec2:CreateVpc;"),
    ]:

        def fail_one(action, name=name, reason=reason):
            if action == "CreateStack":
                (stack,) = stacks().stacks.values()
                cloud.event(stack, name, "CREATE_FAILED", reason)
                stack.status = "ROLLBACK_COMPLETE"

        front.after_create = fail_one
        launcher(*PACKAGE, code=1, says=[reason, says])
        front.after_create = None
        launcher("--destroy", "--yes", says=["nothing is left"])
    assert inventory() == empty, difference(empty)


def permissions(front):
    case("permissions.json permits all that was asked for")
    permitted = {
        action.split(":")[1]
        for statement in json.load(open("deploy/aws/permissions.json"))["Statement"]
        for action in statement["Action"]
    }
    of_boto3 = {"DescribeVolumes", "DescribeVpcs", "DescribeSubnets", "DescribeInternetGateways", "DescribeRouteTables"} | {
        "DescribeSecurityGroups", "DescribeAddresses", "DescribeNetworkInterfaces", "ListRoles", "ListInstanceProfiles"
    } | {"ListSecrets", "DescribeLogGroups", "?"}
    missing = set(front.asked) - of_boto3 - permitted
    assert not missing, missing


def main():
    cloud.prepare()
    front = cloud.serve()
    empty = inventory()
    try:
        dry_run()
        wrong_credentials(front)
        first = launch(front)
        again(front, first)
        update(front)
        silent_machine()
        other_stacks()
        destroy(front, empty)
        failed_launch(front, empty)
        permissions(front)
    except BaseException:
        log = f"{machine.folder}/log"
        print(open(log).read()[-2000:] if os.path.exists(log) else "", file=sys.stderr)
        raise
    finally:
        machine.stop()
        shutil.rmtree(HOME, ignore_errors=True)
    print("lifecycle: all of it", file=sys.stderr)


main()
