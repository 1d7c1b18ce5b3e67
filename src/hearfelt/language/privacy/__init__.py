"""Personal data: found, masked before it leaves, put back afterwards."""
