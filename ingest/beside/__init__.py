"""Work of the database's own pace, which goes on beside the live worker of its shards."""
