"""What surrounds a training run: its folder, its precision on this machine, its messages."""
