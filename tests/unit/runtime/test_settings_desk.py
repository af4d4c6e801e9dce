"""A desk says whose it is, whole or not at all (ruling 48)."""

import pytest

from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey, user_reference
from broker.runtime.settings_desk import DeskSettings

KEY = IdentityKey(b"k" * 32)


def test_it_is_the_user_whom_an_exclusion_names() -> None:
    """By the organisation's own id, as `cpis fact add exclusion` derives it."""
    who = DeskSettings(desk_organisation="RXH", desk_user_id=" staff-1 ").desk_user(KEY)

    assert who is not None
    assert user_reference(KEY, OdsCode("RXH"), "staff-1") == who.user
    assert OdsCode("RXH") == who.organisation


def test_nothing_said_is_nobody() -> None:
    """Who is then taken for anybody."""
    assert DeskSettings().desk_user(KEY) is None


@pytest.mark.parametrize("half", [{"desk_organisation": "RXH"}, {"desk_user_id": "staff-1"}])
def test_half_of_it_is_refused(half: dict[str, str]) -> None:
    """An id without its organisation would be somebody else's."""
    with pytest.raises(ConfigurationError, match="go together"):
        DeskSettings.model_validate(half).desk_user(KEY)
