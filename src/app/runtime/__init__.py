"""What runs behind the doors: the table of work, the workers, the ticking clock."""
