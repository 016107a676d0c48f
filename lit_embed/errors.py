"""The one exception for a user's mistake: the command line prints its message as a single line, without a traceback."""


class UserError(Exception):
    """What was wrong, where (file, row, column, key), and what to do about it, in one line."""
