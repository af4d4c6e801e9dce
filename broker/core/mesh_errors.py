"""The errors of the national message exchange, MESH."""

from broker.core.errors import BrokerError, Disposition


class MailboxUnavailable(BrokerError):
    """The message exchange cannot be reached, or does not let us in."""

    code = "CPIS-740"
    disposition = Disposition.RETRY
    action = "Nothing at once: it is tried again; if it lasts, read the runbook about MESH being away."
    exit_code = 69


class MessageRefused(BrokerError):
    """The message exchange refuses a message of ours."""

    code = "CPIS-741"
    disposition = Disposition.REJECT
    action = "Correct the mailbox or the workflow id: the message says what is wrong with it."
    exit_code = 65

    def __init__(self, fault: str) -> None:
        """Take the exchange's code for what is wrong."""
        super().__init__(f"the message exchange refuses a message of ours: code {fault}")
        self.fault = fault


class MessageUnderWay(BrokerError):
    """A message is being worked on, and is looked at again until that is done."""

    code = "CPIS-742"
    disposition = Disposition.RETRY
    action = "Nothing: it stays in the mailbox until its answer has been sent."
    exit_code = 75
