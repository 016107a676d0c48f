"""What surrounds a run: its folder, its precision on this machine, its messages; and how good a search is."""
