"""Use cases over the ports: intake, matching, replay."""
