"""Names the wheel after this machine's kind; auditwheel then finds the oldest system that it runs on."""

import platform
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        build_data['pure_python'] = False
        build_data['tag'] = f'py3-none-linux_{platform.machine()}'
