"""An answer that is no answer: its status, and a sentence in the shape that OpenAI's clients read."""


class Refusal(Exception):
    """
    status    of HTTP
    message   what is wrong and what to do about it, in a sentence
    param     the field of the request that is meant
    code      a word for programs
    headers   more headers, such as when to come back
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None,
                 headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.headers = status, message, param, code, headers or {}

    def content(self) -> dict:
        """https://platform.openai.com/docs/guides/error-codes"""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


class Overloaded(Refusal):
    """Too much is waiting already."""

    def __init__(self, message: str):
        super().__init__(503, message, code="overloaded", headers={"Retry-After": "1"})
