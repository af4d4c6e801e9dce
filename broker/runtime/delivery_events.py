"""The log events of deliveries to providers' own systems; the catalogue is `broker.runtime.log_catalogue`."""

from broker.runtime.log_catalogue import Level, LogEvent


class DestinationFails(
    LogEvent,
    name="destination fails",
    level=Level.WARNING,
    action="Read [A delivery is dead](../runbooks/a-delivery-is-dead.md); it is tried again by itself.",
):
    """A provider's own system did not take an alert, for this reason. Told once for each reason."""

    destination: str
    reason: str


class DestinationAnswers(LogEvent, name="destination answers again"):
    """A provider's own system that had failed takes alerts again; what waited goes out."""

    destination: str


class DeliveryPutAside(
    LogEvent,
    name="delivery put aside",
    level=Level.ERROR,
    action="Read [A delivery is dead](../runbooks/a-delivery-is-dead.md): its clinicians have not been told.",
):
    """An alert event is not sent to a provider's own system any more, for this reason."""

    destination: str
    reason: str


class DeliveriesUncounted(
    LogEvent,
    name="deliveries not counted",
    level=Level.ERROR,
    action="Report it as a defect; it is counted again by itself.",
):
    """What waits and what is dead could not be counted; it is delivered all the same."""

    error: BaseException


class DeliveryStopped(
    LogEvent,
    name="delivery failed on our side",
    level=Level.ERROR,
    action="Bring the database back; if it is another error, report it as a defect. It goes on by itself.",
):
    """Something of ours kept us from delivering; nothing is lost."""

    destination: str
    error: BaseException
