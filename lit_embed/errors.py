"""The one exception for a user's mistake: the command line prints its message as a single line, without a traceback."""


class UserError(Exception):
    """What was wrong, where (file, row, column, key), and what to do about it, in one line."""


def first_line(error: Exception) -> str:
    """What another library has to say, short enough for the inside of our line."""
    return next(filter(str.strip, str(error).splitlines()), type(error).__name__).strip().rstrip(".")
