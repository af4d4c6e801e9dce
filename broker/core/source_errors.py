"""
Errors of the way to a demographic source.

A message never repeats a value that could name a person, nor the address that was asked: a number stands in
it.
"""

from broker.core.errors import DemographicsUnavailable


class DemographicsUnreadable(DemographicsUnavailable):
    """The demographic source has answered about somebody what cannot be read as an answer."""

    code = "CPIS-700"
    action = (
        "Ask whoever runs the source about the reason; others are answered as ever. It is no word that "
        "anybody is not known there, and is asked again."
    )
