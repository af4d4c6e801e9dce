"""The errors of whoever works at the desk, or asks for an explanation or an answer."""

from broker.core.errors import BrokerError


class NoSuchItem(BrokerError):
    """There is no item with this id."""

    code = "CPIS-601"
    action = "Take the id from the list; what is past its retention is gone from it."
    exit_code = 66


class CannotRedrive(BrokerError):
    """The item cannot be put through its door again."""

    code = "CPIS-602"
    action = "Have its sender send the whole message or file again."
    exit_code = 65


class NoSuchMessage(BrokerError):
    """No message is held at this place."""

    code = "CPIS-661"
    action = (
        "Take the place from `cpis messages list`: topic, partition and offset; what is past its retention "
        "is gone from it."
    )
    exit_code = 66


class NotForThisRole(BrokerError):
    """The role of whoever works at this desk may not do this."""

    code = "CPIS-660"
    action = "Have somebody do it whose CPIS_DESK_ROLE may; nothing was done and nothing was shown."
    exit_code = 77


class NumberOutOfUse(BrokerError):
    """A number that this is about was taken out of use: nobody opens what is held of it (ruling 23)."""

    code = "CPIS-662"
    action = "Nothing: only the demographic source lets it be opened again, by taking its word back."
    exit_code = 65


class CannotHold(BrokerError):
    """What is named is no record of a person whose events could be put on hold."""

    code = "CPIS-644"
    action = (
        "Name an open item about a record in quarantine, or a message that was taken, as the lists name it."
    )
    exit_code = 65


class NotOnHold(BrokerError):
    """The person is not on hold, or not any more: what waited has been taken."""

    code = "CPIS-645"
    action = "Nothing; `cpis worklist list` shows who is on hold."
    exit_code = 65


class CannotRelease(BrokerError):
    """The item is about no record that could be put back into its input."""

    code = "CPIS-663"
    action = "Have its sender send it again; other items are settled, confirmed or refused."
    exit_code = 65


class GroundsRefused(BrokerError):
    """A reason or a name is missing or cannot be kept."""

    code = "CPIS-603"
    action = "Say who you are with --by and why with --reason, without naming a patient."
    exit_code = 64


class CannotConfirm(BrokerError):
    """Nobody can be confirmed as the patient of this item."""

    code = "CPIS-610"
    action = (
        "Have the hospital send the visit again with its NHS number. Where details disagree, `refuse` who it "
        "is not; what nothing asks any more, and a possible match, may be settled with the reason."
    )
    exit_code = 65


class CannotSettle(BrokerError):
    """The item asks for an answer, or for a release: settled without it an alert would never be heard."""

    code = "CPIS-611"
    action = (
        "Say whose the visit is: `cpis worklist confirm`, or `refuse` where it is somebody else's. Release a "
        "person on hold: `cpis worklist release`. Once the visit is past revising, it can be settled."
    )
    exit_code = 65


class NothingToExplain(BrokerError):
    """No such visit, alert or open item is held."""

    code = "CPIS-604"
    action = (
        "Check provider, visit number and sending system: with `--system` a visit whose messages are gone is "
        "found as well. What is past its retention, or came without a usable NHS number, is not held. A "
        "settled item is explained by its visit."
    )
    exit_code = 66


class NoAnswerHere(BrokerError):
    """The visit is no unscheduled one, or of a service that is not shared with: no answer is given for it."""

    code = "CPIS-608"
    action = "In a scheduled setting the clinician may look the child up; that is a view, recorded as one."
    exit_code = 65


class VisitAmbiguous(BrokerError):
    """Several sending systems of the provider have a visit of this number."""

    code = "CPIS-609"
    action = "Name the sending system (MSH-3) with --system: two systems may give one number to two children."
    exit_code = 64


class ResponseUnwritten(BrokerError):
    """The response to a query could not be written; the look is on the trail, and told of."""

    code = "CPIS-435"
    action = "Name a place where a file can be written, and ask again: that is another look."
    exit_code = 74


class CannotDisclose(BrokerError):
    """What is held of a person cannot be disclosed to whoever opens it (rulings 23, 48)."""

    code = "CPIS-436"
    action = (
        "Say whose desk this is with CPIS_DESK_ORGANISATION and CPIS_DESK_USER_ID, have somebody else do "
        "it, or trace the patient; the safeguarding lead knows more."
    )
    exit_code = 77


class NoSuchDelivery(BrokerError):
    """There is no such event at this destination, or nothing of it is kept."""

    code = "CPIS-640"
    action = "Take destination and event from `cpis deliveries list`."
    exit_code = 66


class DeliveryNotDead(BrokerError):
    """What is to be settled by hand was not put aside, or is not any more."""

    code = "CPIS-642"
    action = "Look at the delivery with `cpis deliveries show`; what waits goes on by itself."
    exit_code = 65

    def __init__(self) -> None:
        super().__init__("only a delivery that was put aside can be settled")


class DeliveryOutdated(BrokerError):
    """A newer event of the same alert is at this destination: sent again, the older would take it back."""

    code = "CPIS-641"
    action = "Send the alert's newest event again: it says all that the older ones said and still holds."
    exit_code = 65
