"""What the flows know of Prefect's server: its names, its health, what it shows of a run."""
