"""
Runs the shell lines of a page as a reader would: in order, in one folder, settings kept from line to line.

Knows what a page may leave to its reader: the addresses of a cluster, a place for keys, files to load.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from tests.tools.markdown import code_blocks
from tests.tools.stale_docs import REPOSITORY

LINE_SECONDS_MAX = 240.0  # alone the longest takes a tenth of it
_BIN = Path(sys.executable).parent
_EXPORT = re.compile(r"export ([A-Z_]+)=(\S+)")
_CHILDREN_OF_THE_REPOSITORY = ("deploy", "docs", "schemas", "tests")


class LineFailed(AssertionError):
    """A line of a page did not do what its reader expects."""


@dataclass(frozen=True, slots=True)
class Walk:
    """
    A reader's folder and settings while a page is followed.

    `stands_for` replaces what the page shows by what is there; `until` names, for a line that runs on, a
    text of its output after which the reader presses Ctrl-C.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)
    until: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Put what a checkout holds into the folder."""
        for name in _CHILDREN_OF_THE_REPOSITORY:
            (self.folder / name).symlink_to(REPOSITORY / name)

    def follow(self, line: str) -> str:
        """Do what a line says and return what it prints; raise `LineFailed` when it fails."""
        done = line
        for shown, there in self.stands_for.items():
            done = done.replace(shown, there)
        export = _EXPORT.fullmatch(done)
        if export is not None:
            self.settings[export[1]] = export[2]
            return ""
        shown_until = self.until.get(line)
        return self._finish(line, done) if shown_until is None else self._until(line, done, shown_until)

    def _finish(self, line: str, done: str) -> str:
        """Run a line to its end."""
        ended = subprocess.run(
            ["bash", "-c", done],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LINE_SECONDS_MAX,
            check=False,
        )
        if ended.returncode != 0:
            raise LineFailed(f"{line}: exit code {ended.returncode}\n{ended.stdout}")
        return ended.stdout

    def _until(self, line: str, done: str, text: str) -> str:
        """Run a line until it shows `text`, then interrupt it; it must end by itself with 0."""
        printed: Queue[str | None] = Queue()
        seen = ""
        running = subprocess.Popen(
            ["bash", "-c", f"exec {done}"],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        reader = Thread(target=_pass_on, args=(running, printed))
        reader.start()
        try:
            while text not in seen:
                said = printed.get(timeout=LINE_SECONDS_MAX)
                if said is None:
                    raise LineFailed(f"{line}: ended and never showed {text!r}\n{seen}")
                seen += said
            running.send_signal(signal.SIGINT)
            code = running.wait(LINE_SECONDS_MAX)
        except (Empty, subprocess.TimeoutExpired) as error:
            raise LineFailed(f"{line}: never showed {text!r}, or did not end after it\n{seen}") from error
        finally:
            running.kill()
            running.wait()
            reader.join()
        if code != 0:
            raise LineFailed(f"{line}: exit code {code} after Ctrl-C\n{seen}")
        return seen

    def _environment(self) -> dict[str, str]:
        """Return the environment of a reader who has installed the broker."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
        return {**others, "PATH": f"{_BIN}:{os.environ['PATH']}", "COLUMNS": "200", **self.settings}


def _pass_on(running: subprocess.Popen[str], printed: Queue[str | None]) -> None:
    """Hand on what a process prints, line by line, and None at the end of it."""
    assert running.stdout is not None
    with running.stdout:
        for line in running.stdout:
            printed.put(line)
    printed.put(None)


def shell_lines(text: str) -> Iterator[str]:
    """Yield the lines of a page's shell blocks, without remarks; a backslash at the end joins two."""
    for block in code_blocks(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield line.split(" #", maxsplit=1)[0].strip() if "#" in line else line.strip()
