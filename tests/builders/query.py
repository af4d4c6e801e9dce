"""An HL7 v3 query of the NHS side, as a person or a system sends it."""

_ORGANISATION = (
    '<{name}><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="RXM"/>'
    "<name>Exton Hospital</name></{name}>"
)
_CONTENT = '<loc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="{template}"/>'
_ROLE = '<code code="R8003" displayName="Nurse" codeSystem="1.2.826.0.1285.0.2.1.104"/>'


def by_person() -> str:
    """Return the author of a query that a person makes."""
    return (
        f"{_CONTENT.format(template='COCT_TP145102GB01#AssignedAuthor')}"
        f"<COCT_TP145102GB01.AssignedAuthor>{_ROLE}"
        '<id root="1.2.826.0.1285.0.2.0.65" extension="100000000001"/>'
        "<assignedAuthorPerson><name>A Nurse</name></assignedAuthorPerson>"
        f"{_ORGANISATION.format(name='representedOrganization')}"
        "</COCT_TP145102GB01.AssignedAuthor>"
    )


def by_system() -> str:
    """Return the author of a query that a system makes, for whom a person answers (R28)."""
    return (
        f"{_CONTENT.format(template='COCT_TP145104GB01#System')}"
        '<COCT_TP145104GB01.System><id root="1.2.826.0.1285.0.2.0.107" extension="200000000001"/>'
        f"<indirectAuthority><superiorAssignedEntity>{_ROLE}"
        "<assignedPerson><name>A Nurse</name></assignedPerson>"
        "</superiorAssignedEntity></indirectAuthority>"
        f"{_ORGANISATION.format(name='maintainingOrganization')}"
        "</COCT_TP145104GB01.System>"
    )


def build_query(author: str | None = None, *, event: str | None = None, as_text: bool = False) -> bytes:
    """Return a query; `event` is what it says of a silent read, as an attribute or as text."""
    said = "" if event is None else f'<accessEventType value="{event}"/>'
    if as_text:
        said = f"<accessEventType>{event}</accessEventType>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<CP-ISQueryStub xmlns="urn:hl7-org:v3" xmlns:loc="NPFIT:HL7:Localisation"><cP-ISNHSQuery>'
        '<effectiveTime value="20260302120000+0000"/>'
        '<id root="6A2F7F9E-0000-4000-8000-000000000001"/>'
        f"<author>{author or by_person()}</author>"
        '<queryByParameter><person.NHSnumber><value extension="9990000018"/></person.NHSnumber>'
        f"</queryByParameter>{said}</cP-ISNHSQuery></CP-ISQueryStub>"
    ).encode()
