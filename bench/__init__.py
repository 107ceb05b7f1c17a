"""What the product can do, measured on this machine. Prints tables; fails nothing."""
