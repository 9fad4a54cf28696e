"""Real servers on loopback, and stand-ins for those that cannot be reached."""
