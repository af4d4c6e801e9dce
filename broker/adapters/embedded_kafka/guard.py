"""
Become another program that dies when the process that started it dies, even by SIGKILL.

Run as a script of its own (`guard.py PARENT_PID PROGRAM ARGUMENT…`): a fork of a program with threads may not
safely run Python, a fresh interpreter may. Only Linux can promise this; elsewhere the program is just
started.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>: the signal this process gets when the thread that started it ends
_EX_OSERR = 71


def main(arguments: list[str]) -> None:
    """Replace this process by `arguments[1:]`, tied to the life of process `arguments[0]`."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above, whose signal will therefore never come
            sys.exit(_EX_OSERR)
    os.execv(program[0], program)  # noqa: S606 – the very purpose; no shell takes part


if __name__ == "__main__":
    main(sys.argv[1:])
