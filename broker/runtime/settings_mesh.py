"""The settings of the national message exchange, MESH."""

from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

_WORKFLOW = r"^[A-Za-z0-9_]{1,50}$"
_WORKFLOW_WORDS = (
    "workflow id of {}, as the exchange has registered it for the mailboxes; the national ids are not public"
)


class Workflows(NamedTuple):
    """The workflow ids of what is received and sent."""

    upload: str
    acknowledgement: str
    access: str
    inactive: str


class MeshSettings(BaseModel):
    """What is settled of our mailbox at the exchange; `Settings` inherits it."""

    mesh_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="URL of the message exchange (MESH); without it none is used. A live deployment speaks "
        "TLS with any that is not on this machine",
    )
    mesh_mailbox: str | None = Field(
        default=None, pattern=r"^[A-Z0-9]{3,20}$", description="our mailbox at the message exchange"
    )
    mesh_password_file: Path | None = Field(default=None, description="file of that mailbox's password")
    mesh_shared_key_file: Path | None = Field(
        default=None, description="file of the shared key of the exchange's environment"
    )
    mesh_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that may vouch for the exchange; default: those of its "
        "national addresses, else the usual ones",
    )
    mesh_certificate_file: Path | None = Field(
        default=None, description="file (PEM) of the certificate that we show to the exchange"
    )
    mesh_key_file: Path | None = Field(
        default=None, description="file (PEM, not encrypted) of that certificate's private key"
    )
    mesh_poll_seconds: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="seconds between two looks into the mailbox, 1 to 86400: never slower than daily",
    )
    mesh_upload_workflow: str = Field(
        default="LA_UPLOAD", pattern=_WORKFLOW, description=_WORKFLOW_WORDS.format("authorities' uploads")
    )
    mesh_acknowledgement_workflow: str = Field(
        default="LA_UPLOAD_ACK",
        pattern=_WORKFLOW,
        description=_WORKFLOW_WORDS.format("the acknowledgements of uploads"),
    )
    mesh_access_workflow: str = Field(
        default="LA_ACCESS",
        pattern=_WORKFLOW,
        description=_WORKFLOW_WORDS.format("access to service notifications"),
    )
    mesh_inactive_workflow: str = Field(
        default="LA_INACTIVE",
        pattern=_WORKFLOW,
        description=_WORKFLOW_WORDS.format("inactive NHS number notifications"),
    )
    mesh_trace_mailboxes: str | None = Field(
        default=None,
        pattern=r"^[A-Z0-9]{3,20}(,[A-Z0-9]{3,20})*$",
        description="mailboxes that may have files of people traced over the exchange, separated by commas; "
        "without them nobody may",
    )
    mesh_trace_workflow: str = Field(
        default="PEOPLE_TRACE",
        pattern=_WORKFLOW,
        description=_WORKFLOW_WORDS.format("files of people to trace"),
    )
    mesh_trace_answer_workflow: str = Field(
        default="PEOPLE_TRACE_ANSWER",
        pattern=_WORKFLOW,
        description=_WORKFLOW_WORDS.format("the answers to such files"),
    )
    mesh_asid: str = Field(
        default="000000000000",
        pattern=r"^[0-9]{12}$",
        description="twelve digits: the accredited system id (ASID) of this broker, which notifications name",
    )
    mesh_operator: str = Field(
        default="X26",
        pattern=r"^[A-Z0-9]{3,8}$",
        description="ODS code of who runs this broker: it stands in a notification where the place may "
        "not be told",
    )
    mesh_operator_name: str = Field(
        default="CP-IS event broker", max_length=200, description="what that organisation is called"
    )

    @property
    def trace_mailboxes(self) -> frozenset[str]:
        """The mailboxes that may have people traced."""
        return frozenset((self.mesh_trace_mailboxes or "").split(",")) - {""}

    @property
    def workflows(self) -> Workflows:
        """The workflow ids together."""
        return Workflows(
            upload=self.mesh_upload_workflow,
            acknowledgement=self.mesh_acknowledgement_workflow,
            access=self.mesh_access_workflow,
            inactive=self.mesh_inactive_workflow,
        )
