"""What a compile keeps for the next one: results by what they were made from."""
