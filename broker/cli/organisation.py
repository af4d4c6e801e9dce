"""An organisation on the command line."""

import click

from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import OdsCode


class Organisation(click.ParamType):
    """An ODS code on the command line."""

    name = "ods code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> OdsCode:
        """Return the code, capital letters or not."""
        try:
            return OdsCode(value.strip().upper())
        except InvalidOdsCode as error:
            self.fail(error.action, param, ctx)
