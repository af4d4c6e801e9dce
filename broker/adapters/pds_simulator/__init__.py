"""
A Personal Demographics Service of synthetic people on this machine, for tests and demonstrations.

It speaks the PDS FHIR R4 API over HTTP as far as the broker asks: a person by number, an exact search, access
by a signed token, and the faults that a real one has. Nobody in it is real: every number is of the range that
is kept for tests.
"""
