"""The settings of what is kept of authorities' upload files."""

from pathlib import Path

from pydantic import BaseModel, Field


class UploadSettings(BaseModel):
    """Where upload files are kept, and how long their answers lie in the drop folder."""

    kept_files_dir: Path | None = Field(
        default=None,
        description="directory of the upload files and acknowledgements that are kept, sealed, for 35 days; "
        "default: kept in the data directory",
    )
    upload_records_max: int = Field(
        default=250_000,
        ge=1,
        description="most records of one upload file; of one with more nothing is loaded (CPF01)",
    )
    la_notifications: bool = Field(
        default=False,
        description="whether authorities may fetch over HTTP what they were told (GET /la/v1/notifications); "
        "for intake, which then reads the database of the outbox (CPIS_DATABASE_URL), and for the outbox",
    )
    drop_answer_days: int = Field(
        default=7,
        ge=1,
        le=35,
        description="days for which the answer to a file lies in the clear in the drop folder's done or "
        "refused; the sealed one is kept for 35",
    )
