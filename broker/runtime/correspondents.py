"""Who tells an authority in the messages of the national service, by the settings and the list."""

from broker.core.identifiers import OdsCode
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.wire.access_notification import Correspondents, Office


def who_tells(settings: Settings, parts: Parts, code: OdsCode) -> Correspondents:
    """Return who tells an authority; one that is not listed is called by its code."""
    return Correspondents(
        authority=Office(code=code, name=parts.authorities.name(code)),
        operator=Office(code=OdsCode(settings.mesh_operator), name=settings.mesh_operator_name),
        asid=settings.mesh_asid,
    )
