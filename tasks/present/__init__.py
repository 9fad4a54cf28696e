"""For people's eyes: units and colours, quick-look, GeoJSON, report. Made of what the store holds."""
