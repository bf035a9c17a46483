"""What benchmarks of whole programs share."""
import os
import shutil
import subprocess
import sys
import time


def pythons(asked):
    return list(dict.fromkeys(filter(None, [asked] if asked else [sys.executable, "/usr/bin/python3", shutil.which("python3")])))


def find_python_with_torch(asked=None):
    """The Python that has PyTorch: `asked`, else this one, the system's, or the first in PATH that has. None where none has."""
    for python in pythons(asked):
        try:
            if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
                return python
        except OSError:
            pass
    return None


def python_with_torch(asked=None):
    """The same, or one sentence and the end."""
    python = find_python_with_torch(asked)
    if python is None:
        sys.exit(f"{os.path.basename(sys.argv[0])}: expected a Python with PyTorch, to measure against, got none in "
                 f"{', '.join(pythons(asked))}: install it (Debian: python3-torch), or name one with --python")
    return python


def measured(command):
    """Seconds from start to end of a process, and bytes of its peak resident memory."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{os.path.basename(sys.argv[0])}: expected success of {command[0]}, but it ended with status {status}")
    return time.monotonic() - start, usage.ru_maxrss * 1024
