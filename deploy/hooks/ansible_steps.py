"""A callback for Ansible that records a playbook as a deployment.

Copy it to callback_plugins/ beside the playbook, name it in ansible.cfg (callbacks_enabled = ansible_steps), and say what is deployed:
  STEPS_SERVER=https://steps.example.com STEPS_COMPONENT=shop STEPS_VERSION=4.2.0 ansible-playbook deploy.yml
Each play is a phase. A token comes from STEPS_TOKEN or STEPS_TOKEN_FILE. It runs the command `steps` on the controller; nothing here
fails or holds up a playbook.
"""

from __future__ import annotations

import os
import subprocess
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ansible_steps
type: notification
short_description: Records a playbook as a deployment
description: Runs C(steps record) when a playbook and its plays begin, and when it has ended.
requirements: [the command steps on the controller]
options: {}
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ansible_steps"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.environment = dict(os.environ)
        if not os.environ.get("STEPS_RUN") and not os.environ.get("CI"):
            self.environment["STEPS_RUN"] = f"ansible-{os.getpid()}-{int(time.time())}"

    def _record(self, status):
        try:
            said = subprocess.run(
                ["steps", "record", "--best-effort", "--quiet", "--status", status[:64]],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=60,
                check=False,
            )
            if said.stderr:
                self._display.display(said.stderr.strip(), stderr=True)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._display.warning(f"steps: {status} is not recorded: {error}")

    def v2_playbook_on_start(self, playbook):
        self._record("started")

    def v2_playbook_on_play_start(self, play):
        self._record(play.get_name().strip() or "play")

    def v2_playbook_on_stats(self, stats):
        hosts = [stats.summarize(host) for host in stats.processed]
        failed = any(host["failures"] or host["unreachable"] for host in hosts)
        self._record("failed" if failed else "succeeded")
