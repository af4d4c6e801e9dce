"""The settings about whoever works at the desk."""

from typing import Literal

from pydantic import BaseModel, Field

from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey, user_reference
from broker.services.audited_access import DeskUser


class DeskSettings(BaseModel):
    """What is settled of who works at the desk; `Settings` inherits it."""

    desk_role: Literal["reader", "operator", "administrator"] = Field(
        default="administrator",
        description="reader, operator or administrator: what may be done at this desk. A reader lists and "
        "looks at what is masked, an operator redrives, settles, explains and puts facts in as well, an "
        "administrator also unmasks. Kafka's own rights say the same to its principals",
    )
    desk_organisation: str | None = Field(
        default=None,
        pattern=r"^[A-Z0-9]{3,10}$",
        description="ODS code of whose user works at this desk; together with the user's id. Without both, "
        "whatever is kept of a person whom anybody must not see stays shut here (ruling 48)",
    )
    desk_user_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        repr=False,
        description="that organisation's own id of the user, as `cpis fact add exclusion` is given it",
    )

    def desk_user(self, key: IdentityKey) -> DeskUser | None:
        """Return who works at this desk, None where it is not said; raise `ConfigurationError` for half."""
        if self.desk_organisation is None or self.desk_user_id is None:
            if self.desk_organisation is not None or self.desk_user_id is not None:
                raise ConfigurationError("CPIS_DESK_ORGANISATION and CPIS_DESK_USER_ID go together")
            return None
        organisation = OdsCode(self.desk_organisation)
        return DeskUser(
            organisation=organisation, user=user_reference(key, organisation, self.desk_user_id.strip())
        )
