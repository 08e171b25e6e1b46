"""What the API room itself does: keys of clients, payments they ask for, and telling them."""
