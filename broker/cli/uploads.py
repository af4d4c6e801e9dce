"""`cpis uploads`: what is kept of authorities' upload files on this machine, and opening one on grounds."""

import sys
from typing import Literal

import click

from broker.adapters.kept_files import KeptFiles
from broker.adapters.sealing import KeyDirectory
from broker.cli.desk import at_desk, grounds_options, json_option, servers_option, show_list
from broker.core.kept_uploads import KeptUpload, Part
from broker.core.operators import Grounds
from broker.core.upload_errors import UploadLost
from broker.runtime.desk import Desk
from broker.runtime.parts import present
from broker.runtime.settings import Settings, load_settings
from broker.services.kept_desk import KeptDesk

_COLUMNS = ("upload", "received_at", "door", "authority", "code", "loaded", "failed", "again_at")
_PARTS: dict[str, Part] = {"file": Part.FILE, "acknowledgement": Part.XML, "json": Part.JSON}


@click.group()
def uploads() -> None:
    """List the upload files that are kept here, and open one."""


@uploads.command("list")
@json_option
def list_uploads(*, as_json: bool) -> None:
    """
    List what is kept, oldest first, and what became of it; it names nobody.

    Of what could not be taken, `code` says why, and `again_at` until when it is left alone at most.
    """
    kept = _kept(load_settings())
    rows = [_row(upload) for upload in kept.every()]
    rows += [{**dict.fromkeys(_COLUMNS), "upload": one, "code": UploadLost.code} for one in kept.damaged()]
    show_list(rows, _COLUMNS, as_json=as_json, nothing="no upload is kept here")


@uploads.command()
@click.argument("upload_id", metavar="ID")
@click.option(
    "--part",
    type=click.Choice(sorted(_PARTS)),
    default="file",
    help="The file as it came, its acknowledgement, or that as JSON.",
)
@grounds_options
@servers_option
def show(
    upload_id: str,
    part: Literal["file", "acknowledgement", "json"],
    reason: str,
    by: str,
    bootstrap_servers: str | None,
) -> None:
    """
    Write one upload to standard output, byte for byte as it came.

    Needs --reason and --by: both are in the audit trail before the first byte is read. For an administrator
    (CPIS_DESK_ROLE).
    """
    grounds = Grounds(by=by, reason=reason)
    kept = _kept(load_settings())

    async def look(desk: Desk) -> bytes:
        """Open it."""
        return await KeptDesk(kept, desk.log, desk.excluding).open(upload_id, _PARTS[part], grounds)

    sys.stdout.buffer.write(at_desk(bootstrap_servers, look))
    sys.stdout.flush()


def _kept(settings: Settings) -> KeptFiles:
    """Return what is kept here."""
    return KeptFiles(settings.kept_files, KeyDirectory(settings.sealing_keys_dir, present))


def _row(upload: KeptUpload) -> dict[str, object]:
    """Return what is shown of one upload."""
    result = upload.result
    return {
        "upload": upload.upload_id,
        "received_at": upload.received_at.isoformat(timespec="seconds"),
        "door": upload.door.value,
        "authority": " ".join(sorted(one.code for one in upload.senders)) or None,
        "code": upload.postponed or "waiting" if result is None else result.code,
        "loaded": None if result is None else result.loaded,
        "failed": None if result is None else result.failed,
        "again_at": None if upload.again_at is None else upload.again_at.isoformat(timespec="seconds"),
    }
