"""Milliseconds from fork to the end of the child, of a Python that has imported what runs a component of KFP.

    fork_times.py COUNT
"""

import json
import os
import sys
import time

import kfp.dsl.executor_main  # noqa: F401  pylint: disable=unused-import


def main() -> None:
    times = []
    for _ in range(int(sys.argv[1])):
        begun = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        times.append(1e3 * (time.monotonic() - begun))
    print(json.dumps(times))


if __name__ == '__main__':
    main()
