"""What benchmarks of whole programs share."""
import os
import subprocess
import sys
import time


def measured(command):
    """Seconds from start to end of a process, and bytes of its peak resident memory."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{os.path.basename(sys.argv[0])}: expected success of {command[0]}, but it ended with status {status}")
    return time.monotonic() - start, usage.ru_maxrss * 1024
