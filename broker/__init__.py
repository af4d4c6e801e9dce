"""The CP-IS event broker."""
