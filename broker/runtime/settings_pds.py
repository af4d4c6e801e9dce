"""The settings of a demographic source that speaks the PDS FHIR R4 API; without them nobody is asked."""

from pathlib import Path

from pydantic import BaseModel, Field


class PdsSettings(BaseModel):
    """Where the source is, who we are there, and how it is asked; the first five go together."""

    pds_url: str | None = Field(
        default=None,
        description="http or https URL under which a demographic source speaks the PDS FHIR R4 API, such as "
        "https://…/personal-demographics/FHIR/R4; without it no source is asked",
        repr=False,  # somebody may have put a password into it, though it is refused
    )
    pds_token_url: str | None = Field(
        default=None,
        description="URL at which access to the demographic source is had for a signed statement (OAuth 2)",
        repr=False,
    )
    pds_application_id: str | None = Field(
        default=None, description="the application under which the demographic source knows us (its API key)"
    )
    pds_key_file: Path | None = Field(
        default=None,
        description="file (PEM, not encrypted) of the RSA key, 2048 bits or more, that signs that statement",
    )
    pds_key_id: str | None = Field(
        default=None, description="the id under which the demographic source has the key's public half"
    )
    pds_organisation: str | None = Field(
        default=None,
        pattern=r"^[A-Z0-9]{3,8}$",
        description="ODS code of the organisation for which the demographic source is asked, where it wants "
        "to be told",
    )
    pds_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that may vouch for the demographic source; default: the "
        "system's",
    )
    pds_per_second: int = Field(
        default=20,
        ge=1,
        le=2_000,
        description="how many questions a second were agreed with the demographic source, by all processes "
        "together",
    )
    pds_processes: int = Field(
        default=1,
        ge=1,
        le=100,
        description="how many processes ask the demographic source at most: each asks its share of what was "
        "agreed",
    )
    pds_ask_again_minutes: int = Field(
        default=360,
        ge=1,
        le=1_440,
        description="minutes after which the demographic source is asked again about the records of uploads "
        "that it refused, for as long as they are kept",
    )
    pds_deadline_ms: int = Field(
        default=2_000,
        ge=100,
        le=30_000,
        description="milliseconds within which the demographic source has to have answered one question, "
        "what is asked again included",
    )
