"""`cpis messages` says of what cannot be searched for that it cannot, not that nothing came."""

import pytest
from click.testing import CliRunner

from broker.cli import root


@pytest.mark.parametrize("visit", ["RXX/V-1", "V-1", "A" * 32, "a" * 31, "9990000018"])
def test_what_is_no_reference_is_not_searched_for(visit: str) -> None:
    """An analyst who knows the visit by the hospital's own number is led on, and reads no `no message`."""
    ended = CliRunner().invoke(root, ["messages", "list", "--visit", visit])

    assert 2 == ended.exit_code
    assert "is no keyed reference" in ended.output
    assert "cpis explain --visit PROVIDER/NUMBER" in " ".join(ended.output.split())
