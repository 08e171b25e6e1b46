"""Writing messages, sending them, and hearing what became of them."""
