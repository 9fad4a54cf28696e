"""Training and evaluation; nothing of it is loaded by what runs every day."""
