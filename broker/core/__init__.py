"""The pure heart of the broker: what is known of a person, what follows from it, who is told."""
