"""What a young person reads, says and decides about their own information."""
