"""What must hold of the template, whoever adapts it: template.py TEMPLATE SCRIPT writes the machine's script to SCRIPT."""

import re
import sys

import yaml


class Loader(yaml.SafeLoader):
    pass


def intrinsic(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", intrinsic)
template = yaml.load(open(sys.argv[1]), Loader)
resources, parameters = template["Resources"], template["Parameters"]


def of_kind(kind):
    return [one["Properties"] for one in resources.values() if one["Type"] == f"AWS::{kind}"]


assert parameters["Token"]["NoEcho"] is True
uses = [name for name, one in resources.items() if re.search(r"'Ref': 'Token'|\$\{Token\}", str(one))]
assert uses == ["TokenSecret"], f"the token is said to {uses}"
assert "Token'" not in str(template["Outputs"]), "no output shows the token"

(machine,) = of_kind("EC2::Instance")
assert machine["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
assert all(device["Ebs"]["Encrypted"] is True for device in machine["BlockDeviceMappings"])
assert all(volume["Encrypted"] is True for volume in of_kind("EC2::Volume"))
assert resources["Data"]["DeletionPolicy"] == resources["Data"]["UpdateReplacePolicy"] == "Snapshot"

(firewall,) = of_kind("EC2::SecurityGroup")
always = [rule for rule in firewall["SecurityGroupIngress"] if "If" not in rule]
assert [rule["FromPort"] for rule in always] == [443], "HTTPS alone is open whatever is said"
asked = {rule["If"][0]: rule["If"][1] for rule in firewall["SecurityGroupIngress"] if "If" in rule}
assert {name: rule["FromPort"] for name, rule in asked.items()} == {"HasSsh": 22, "HasDomain": 80}
assert asked["HasSsh"]["CidrIp"] == {"Ref": "SshCidr"} and "HasKey" in str(template["Conditions"]["HasSsh"])

(role,) = of_kind("IAM::Role")
(policy,) = role["Policies"]
(statement,) = policy["PolicyDocument"]["Statement"]
assert statement == {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "TokenSecret"}}
assert "ManagedPolicyArns" not in role

settings, script = machine["UserData"]["Fn::Base64"]["Fn::Join"][1]
_, shell = settings["Sub"].split("#!/bin/bash\n")
with open(sys.argv[2], "w") as file:
    # shellcheck sees the settings as some text each.
    file.write("#!/bin/bash\n" + re.sub(r"\$\{[A-Za-z0-9:]+\}", "x", shell) + script)
