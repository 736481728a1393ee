"""What the law asks: how long what is kept, erasing one person, everything about one person."""
