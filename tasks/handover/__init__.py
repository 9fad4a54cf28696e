"""What one step hands to the next: cycle, prepared fields, slab, partition into shards, scorecard."""
