"""
Errors of the authorities' door over HTTP.

A message never repeats a value that could name a person.
"""

from broker.core.errors import BrokerError, Disposition


class AuthorityUnknown(BrokerError):
    """Whoever asks has shown neither a certificate nor a token of a local authority."""

    code = "CPIS-720"
    disposition = Disposition.REJECT
    action = (
        "Show the certificate, or the token in `Authorization: Bearer …`, that [authority.ODS] in the file "
        "of senders names. No byte of what came is kept."
    )
    exit_code = 77


class NotItsUpload(BrokerError):
    """The file is one of an authority that whoever sent it may not send for."""

    code = "CPIS-721"
    disposition = Disposition.REJECT
    action = (
        "Correct the authority's code in the file, or send it with the certificate or token of that "
        "authority. No byte of what came is kept."
    )
    exit_code = 77


class NoSuchUpload(BrokerError):
    """There is no upload of this authority with this id."""

    code = "CPIS-722"
    disposition = Disposition.REJECT
    action = "Use the address in `Location` of the answer to the upload; it is kept for 35 days."
    exit_code = 66


class UploadUnanswered(BrokerError):
    """The upload is not taken yet, so that it has no acknowledgement."""

    code = "CPIS-723"
    disposition = Disposition.RETRY
    action = "Ask again after the time in `Retry-After`; the status says what it waits for."
    exit_code = 75


class RequestIdReused(BrokerError):
    """Another file was sent with the same request id."""

    code = "CPIS-724"
    disposition = Disposition.REJECT
    action = "Give every file an `X-Request-ID` of its own; use it again only to send the same file again."
    exit_code = 65


class TooManyWaiting(BrokerError):
    """So many uploads wait to be taken that no more are kept."""

    code = "CPIS-725"
    disposition = Disposition.RETRY
    action = "Send it again, unchanged, after the time in `Retry-After`; look at what holds the others up."
    exit_code = 75


class DoorUnreachable(BrokerError):
    """The authorities' door does not answer, or its token cannot be read."""

    code = "CPIS-726"
    disposition = Disposition.RETRY
    action = "Check --url, --token-file and --ca-file; send the file again with the same --request-id."
    exit_code = 69


class CompleteNotAgreed(BrokerError):
    """A file is said to be complete by an authority with whom that is not agreed."""

    code = "CPIS-729"
    disposition = Disposition.REJECT
    action = (
        "Send it without `complete`: plans that it lacks then stand as they are. The operator agrees to "
        "complete files with `complete = true` under [authority.ODS]. No byte of what came is kept."
    )
    exit_code = 77


class NoCompleteFile(BrokerError):
    """Of no file of this authority that is kept here, and was taken, it was said that it is complete."""

    code = "CPIS-730"
    disposition = Disposition.REJECT
    action = (
        "Have one sent with `complete=true`; it is compared on the machine where it is kept, for 35 days."
    )
    exit_code = 66


class NotMissing(BrokerError):
    """No plan of that name is missing from the newest complete file: it was ended, or uploaded since."""

    code = "CPIS-731"
    disposition = Disposition.REJECT
    action = "Ask `cpis authorities missing` again: names hold for the newest complete file alone."
    exit_code = 66


class NotItsInbox(BrokerError):
    """The inbox is another authority's, or that of one that has no topic of its own."""

    code = "CPIS-732"
    disposition = Disposition.REJECT
    action = (
        "Ask for your own; the operator gives an authority a topic of its own under [recipients] of the "
        "topics file, without which nothing of its own stands in its inbox."
    )
    exit_code = 77


class WrongCursor(BrokerError):
    """The place in the inbox is none, or one of an inbox that was made anew."""

    code = "CPIS-733"
    disposition = Disposition.REJECT
    action = "Begin again without `after`; an event that you have had comes again with the same event_id."
    exit_code = 65


class InboxUnready(BrokerError):
    """The inbox cannot be read, or was never filled: it does not follow that nobody was told anything."""

    code = "CPIS-734"
    disposition = Disposition.RETRY
    action = (
        "Ask again later. The operator gives this process the database of the outbox "
        "(CPIS_DATABASE_URL), and sees that the outbox runs."
    )
    exit_code = 75


class UploadLost(BrokerError):
    """What is kept of an upload, or what is known of it, cannot be read any more: it is not taken."""

    code = "CPIS-727"
    disposition = Disposition.RETRY
    action = (
        "Send the file again, with the same request id or another: it takes the place of what was lost. The "
        "operator looks at the disk and the sealing keys of the day."
    )
    exit_code = 74


class TokenInClear(BrokerError):
    """A token would go over the network unencrypted."""

    code = "CPIS-728"
    disposition = Disposition.REJECT
    action = "Give --url with https; plain http is taken to this machine alone (127.0.0.1, ::1, localhost)."
    exit_code = 64
