"""Everything about whether an account reference or a bank account number is right. Pure: no database, no Django."""
