"""What `steps-server` itself says that it understands: the checks of Compose and Kubernetes ask it."""

import re
import subprocess


class Program:
    """The variables, flags and commands of a built `steps-server`."""

    def __init__(self, path):
        self.path = path
        self.help = self._ask("--help")
        self.variables = set(re.findall(r"\[env: (STEPS_[A-Z_]+)", self.help)) | {"STEPS_BOOTSTRAP_TOKEN"}
        self.commands = set(re.findall(r"^  ([a-z]+)  +\S", self.help.split("Options:")[0], re.M)) - {"help"}

    def _ask(self, *arguments):
        return subprocess.run([self.path, *arguments], capture_output=True, text=True, check=True).stdout

    def problems_of_variables(self, names):
        """The variables among these that mean nothing to it."""
        wrong = [name for name in names if name.startswith("STEPS_") and name not in self.variables]
        return [f"steps-server knows no {name}" for name in wrong]

    def problems_of_command(self, command):
        """What it would not understand of a command line that begins with its path."""
        arguments = list(command[1:])
        help_text = self.help
        problems = []
        if arguments and not arguments[0].startswith("-"):
            if arguments[0] not in self.commands:
                return [f"steps-server has no command {arguments[0]}"]
            help_text += self._ask(arguments[0], "--help")
        for argument in arguments:
            flag = argument.split("=")[0]
            if flag.startswith("--") and not re.search(rf"{flag}\b", help_text):
                problems.append(f"steps-server knows no {flag} in {' '.join(command)}")
        return problems
