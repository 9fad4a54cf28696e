"""Packers of training and evaluation data; no daily step uses them."""
