"""SYNOP as it is published: notifications of WIS2 by MQTT, each proved, what they announce kept for the region."""
