"""What all servers that are asked have in common: address, key, what they refuse. Open to all rooms."""
