"""What learns: voice models. Import the file you need; nothing heavy is loaded here."""
