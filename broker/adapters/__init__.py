"""The edge: one outside technology per module."""
