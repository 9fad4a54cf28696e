"""What a store holds: products and their packing, the ledger, the catalogue, scores; and keeping them true."""
