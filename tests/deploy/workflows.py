"""Checks what zizmor and actionlint do not, and writes what the workflows run into files: workflows.py FOLDER."""

import pathlib
import re
import sys

import yaml

faults = []
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rust = re.search(r'^rust-version = "(.*)"', pathlib.Path("Cargo.toml").read_text(), re.M)[1]
workflows = sorted(pathlib.Path(".github/workflows").glob("*.yml"))
pins = {}
for path in workflows:
    text = path.read_text()
    for line in re.findall(r"uses: *(.*)", text):
        pin = re.fullmatch(r"([\w-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
        if not pin:
            faults.append(f"{path.name}: {line}: no commit with its version")
        elif pins.setdefault(pin[1], pin.groups()[1:]) != pin.groups()[1:]:
            faults.append(f"{path.name}: {pin[1]} is of two versions")
    workflow = yaml.safe_load(text)
    if workflow.get("permissions") != {}:
        faults.append(f"{path.name}: permissions are given to the whole workflow")
    if not str(workflow["env"]["RUST_VERSION"]).startswith(rust):
        faults.append(f"{path.name}: RUST_VERSION is not {rust} of Cargo.toml")
    for name, job in workflow["jobs"].items():
        if "timeout-minutes" not in job:
            faults.append(f"{path.name}: {name}: no time limit")
        if "permissions" not in job:
            faults.append(f"{path.name}: {name}: its permissions are not said")
        for at, step in enumerate(job["steps"]):
            if "run" in step:
                if "${{" in step["run"]:
                    faults.append(f"{path.name}: {name}: a run step with an expression; give it a variable")
                (folder / f"{path.stem}-{name}-{at}.sh").write_text(step["run"] + "\n")
# What a release builds may come from no cache.
if "actions/cache" in pathlib.Path(".github/workflows/release.yml").read_text():
    faults.append("release.yml: a cache")
for fault in faults:
    print(f"workflows: {fault}", file=sys.stderr)
sys.exit(1 if faults or not workflows else 0)
