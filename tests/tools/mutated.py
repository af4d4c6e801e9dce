"""
A plugin of pytest that lets one module of the program be another text: `-p tests.tools.mutated`.

The directory that `FOLDER_VARIABLE` names holds `module`, the name of the module, and `mutant.py`, its text;
the tests that fail are written to `caught` there, one in a line. Of `tests/spec` the pure core alone is run.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

FOLDER_VARIABLE = "MUTANT_FOLDER"
MODULE, TEXT, PLACED, CAUGHT = "module", "mutant.py", "placed", "caught"

_RUNTIMES = ("runtime", "run_releases")
_SPECIFICATIONS = Path(__file__).resolve().parents[1] / "spec"


class MutantFinder(MetaPathFinder):
    """Finds one module where its mutant lies, and no other."""

    def __init__(self, module: str, text: Path) -> None:
        self.module = module
        self.text = text

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the module is, None for any other."""
        return spec_from_file_location(fullname, self.text) if fullname == self.module else None


def pytest_load_initial_conftests() -> None:
    """Put the mutant in the module's place before anything imports it, and leave word that it is there."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    module = (folder / MODULE).read_text("utf-8")
    if module in sys.modules:
        raise pytest.UsageError(f"{module} was imported before its mutant")
    sys.meta_path.insert(0, MutantFinder(module, folder / TEXT))
    (folder / PLACED).touch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the specifications on the other runtimes out, and what is none of them."""
    items[:] = [item for item in items if _SPECIFICATIONS not in item.path.parents or _on_core(item)]


def _on_core(item: pytest.Item) -> bool:
    """Whether a test is a specification on the pure core."""
    call = getattr(item, "callspec", None)
    return call is not None and "core" in {call.params.get(name) for name in _RUNTIMES}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the name of a test that fails."""
    if report.failed:
        with (Path(os.environ[FOLDER_VARIABLE]) / CAUGHT).open("a", encoding="utf-8") as caught:
            caught.write(f"{report.nodeid}\n")
