"""Errors of codes of organisations."""

from broker.core.errors import InvalidOdsCode


class GssCode(InvalidOdsCode):
    """The value is a code of the Office for National Statistics, such as E09000030, and no ODS code."""

    code = "CPIS-750"
    action = (
        "Give the authority's ODS code, 3 to 8 capital letters and digits, which the list of authorities has "
        "beside its name. No published table says which code of the one kind is which of the other, so none "
        "is guessed: plans under two codes would be those of two authorities."
    )
