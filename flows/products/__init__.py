"""What people take out of a store, or make of a file of their own. Knows nothing of Prefect."""
