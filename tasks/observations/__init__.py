"""Observations at stations: fetched or read, judged one by one, and set beside what a product says there."""
