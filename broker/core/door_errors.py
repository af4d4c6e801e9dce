"""
Errors of the HTTP door, before anything of a message is read.

A message never repeats a value that could name a person.
"""

from broker.core.errors import BrokerError, Disposition, MalformedMessage


class CallerUnknown(BrokerError):
    """Whoever posts has shown neither a certificate nor a token of a sender."""

    code = "CPIS-215"
    disposition = Disposition.REJECT
    action = (
        "Show the certificate, or the token in `Authorization: Bearer …`, that the file of senders names for "
        "this system. No byte of what came is kept."
    )
    exit_code = 77


class RequestRefused(MalformedMessage):
    """
    A request is none that is read: too large, too slow, of another type, or asked for what is not to be had.

    `status` is that of HTTP; `location` the place of what it names, empty where it is none of the body's.
    """

    code = "CPIS-216"
    action = (
        "Mend what the message names, and send the request again. What a sender sent to an operation of the "
        "door is kept in cpis.rejected."
    )

    def __init__(self, status: int, reason: str, *, location: str = "") -> None:
        """Take the status, a stable word for counting, and the place."""
        super().__init__(reason, hl7_code=102, location=location)
        self.status = status
