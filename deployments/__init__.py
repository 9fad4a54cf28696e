"""Everything around the flows: regions, deployments, the stack on one machine, images."""
