"""Which worker serves which shards: shares, leases, and shards that move from one to another."""
