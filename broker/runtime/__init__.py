"""Wiring: settings, logs, keys, and the roles a process runs."""
