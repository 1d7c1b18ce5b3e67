"""Neural networks in torch: trunks, heads, losses. Import the file you need; nothing heavy is loaded here."""
