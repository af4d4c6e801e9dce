"""A data protection officer's file that confirms the rows of the lawful-basis table (ruling 49)."""

from pathlib import Path

from broker.core.lawful_basis import TABLE, Flow


def confirmations(*, without: Flow | None = None) -> str:
    """Return the text of a file that confirms every row as it reads now, but for one."""
    return "\n".join(
        f'[{flow}]\nversion = {row.version}\nby = "An Officer"\non = 2026-11-01\n'
        for flow, row in TABLE.items()
        if flow is not without
    )


def confirmed(folder: Path) -> Path:
    """Return a file in a folder that confirms every row."""
    path = folder / "lawful-basis.toml"
    path.write_text(confirmations(), encoding="utf-8")
    return path
