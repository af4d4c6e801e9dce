"""What a provider has settled: which values hold at each of its systems, sites and locations."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from broker.core.identifiers import OdsCode
from broker.core.policy_keys import Selector

Held = TypeVar("Held")
Values = Mapping[str, object]
_ByName = dict[str | None, Values]


class Places(Generic[Held]):
    """What one provider has settled; the policy as it holds at each of its places, worked out once."""

    __slots__ = ("_held", "_holding", "_locations", "_own", "_sites", "_systems")

    def __init__(
        self, code: OdsCode, overrides: Mapping[Selector, Values], holding: Callable[[Values], Held]
    ) -> None:
        """Take a provider's overrides out of all; `holding` returns the policy with values by their names."""
        of_provider = {one: values for one, values in overrides.items() if one.provider == code}
        self._own = of_provider.get(Selector(provider=code), {})
        self._systems: dict[str | None, Values] = {
            one.system: held for one, held in of_provider.items() if one.system
        }
        self._sites: dict[str | None, Values] = {
            one.site: held for one, held in of_provider.items() if one.site
        }
        self._locations: dict[str | None, Values] = {
            one.location: held for one, held in of_provider.items() if one.location
        }
        self._held: dict[tuple[str | None, str | None, str | None], Held] = {}
        self._holding = holding

    def at(self, system: str | None, site: str | None, location: str | None) -> Held:
        """Return the policy as it holds there; places without an override share what the provider has."""
        place = (
            system if system in self._systems else None,
            site if site in self._sites else None,
            location if location in self._locations else None,
        )
        held = self._held.get(place)
        if held is None:
            held = self._held[place] = self._holding(
                {
                    **self._own,
                    **self._systems.get(place[0], {}),
                    **self._sites.get(place[1], {}),
                    **self._locations.get(place[2], {}),
                }
            )
        return held
