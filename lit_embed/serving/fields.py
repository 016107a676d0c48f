"""The JSON object in a request; what is wrong with a field is said in a sentence that names it."""

import json
from collections.abc import Sequence

from lit_embed.serving.limits import Limits
from lit_embed.serving.refusal import Refusal


class Fields:
    """
    body     bytes of a JSON object
    known    names of fields; any other is a mistake, which would otherwise pass for a default

    Raises
        Refusal   400: no JSON object, an unknown field; and each method where its field is missing or wrong
    """

    def __init__(self, body: bytes, known: Sequence[str], limits: Limits):
        self.limits = limits
        try:
            self.content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, f"the body is not JSON: {error}") from None
        if not isinstance(self.content, dict):
            raise Refusal(400, f"the body is {_kind(self.content)}, an object with the fields {', '.join(known)} is expected")
        if unknown := sorted(set(self.content) - set(known)):
            raise Refusal(400, f"unknown field {unknown[0]!r}: there are {', '.join(known)}", unknown[0], "unknown_field")

    def value(self, name: str) -> object:
        """None where the field is missing."""
        return self.content.get(name)

    def needed(self, name: str) -> object:
        if self.content.get(name) is None:
            raise Refusal(400, f"the field {name!r} is missing", name, "missing_field")
        return self.content[name]

    def text(self, name: str) -> str:
        """A text with something in it."""
        text = self.checked(self.needed(name), name)
        if not text.strip():
            raise Refusal(400, f"{name} is empty", name)
        return text

    def list_of(self, name: str) -> list:
        """One entry at least, and no more than a request may hold."""
        values = self.needed(name)
        if not isinstance(values, list) or not values:
            raise Refusal(400, f"{name} is {_kind(values)}, a list with one text at least is expected", name)
        if len(values) > self.limits.texts:
            raise Refusal(400, f"{name} holds {len(values):,} texts, a request may hold {self.limits.texts:,}: send several", name,
                          "too_many_texts")
        return values

    def checked(self, text: object, place: str) -> str:
        """The text, if it is one that can be tokenised."""
        name = place.split("[")[0]
        if not isinstance(text, str):
            raise Refusal(400, f"{place} is {_kind(text)}, a text is expected", name)
        if len(text) > self.limits.letters:
            raise Refusal(400, f"{place} has {len(text):,} letters, a text may have {self.limits.letters:,}: cut it into passages",
                          name, "text_too_long")
        try:
            text.encode("utf8")
        except UnicodeEncodeError:
            raise Refusal(400, f"{place} holds half of a surrogate pair, which is no letter: send it as UTF-8", name) from None
        return text

    def whole(self, name: str, default: int | None, most: int) -> int | None:
        """A whole number from 1 to `most`."""
        value = self.content.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise Refusal(400, f"{name} is {json.dumps(value)[:40]}, a whole number from 1 to {most:,} is expected", name)
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of these words; the first where the field is missing."""
        value = self.content.get(name)
        if value is None:
            return choices[0]
        if value not in choices:
            raise Refusal(400, f"{name} is {json.dumps(value)[:40]}: there are {', '.join(choices)}", name)
        return value

    def flag(self, name: str) -> bool:
        """False where the field is missing."""
        value = self.content.get(name)
        if value is not None and not isinstance(value, bool):
            raise Refusal(400, f"{name} is {json.dumps(value)[:40]}, true or false is expected", name)
        return bool(value)

    def model(self, served: str) -> None:
        """Refuses the name of a model that is not served; none means the one that is."""
        asked = self.content.get("model")
        if asked not in (None, served):
            raise Refusal(404, f"no model {json.dumps(asked)[:80]} here: this is {served!r}", "model", "model_not_found")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return "an empty list" if value == [] else names.get(type(value), "null")
