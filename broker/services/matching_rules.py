"""By what people are decided."""

from dataclasses import dataclass

from broker.core.keyed import IdentityKey
from broker.core.partition import PartitionState
from broker.core.policy import RULES_VERSION, AnyPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    The policy, the identity key, and the version of the rules themselves.

    `version` is this release's, but where a test has a release of its own.
    """

    policy: AnyPolicy
    key: IdentityKey
    version: int = RULES_VERSION

    def decided(self, state: PartitionState) -> bool:
        """Return whether everybody of a partition was decided by these rules and this policy."""
        return (state.rules_version, state.policy_version) == (self.version, self.policy.version)
