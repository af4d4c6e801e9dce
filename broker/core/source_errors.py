"""
Errors of the way to a demographic source.

A message never repeats a value that could name a person, nor the address that was asked: a number stands in
it.
"""

from broker.core.errors import BrokerError, DemographicsUnavailable, Disposition


class DemographicsUnreadable(DemographicsUnavailable):
    """The demographic source has answered about somebody what cannot be read as an answer."""

    code = "CPIS-700"
    action = (
        "Ask whoever runs the source about the reason; others are answered as ever. It is no word that "
        "anybody is not known there, and is asked again."
    )


class TraceFileRefused(BrokerError):
    """A file of people to trace, or of answers about them, cannot be used."""

    code = "CPIS-701"
    disposition = Disposition.REJECT
    action = "Mend the place that the message names, or name another file of answers, and run it again."
    exit_code = 65
