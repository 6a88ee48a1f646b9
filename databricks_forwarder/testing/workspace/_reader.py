"""
Reading a statement from the left, token by token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from databricks_forwarder.testing.workspace._tokens import syntax_error, tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from databricks_forwarder.testing.workspace._tokens import Token

    _T = TypeVar("_T")

__all__ = ["Reader"]


class Reader:
    """
    A statement that is being read; what is not as expected is a syntax error.

    Args:
        sql: One statement, with or without a ``;`` at its end.

    Raises:
        RefusedError: It can't be cut into tokens.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = list(tokens(sql))
        self._next = 0
        if len(self._tokens) > 1 and self._tokens[-2].raw == ";":
            del self._tokens[-2]

    @property
    def ahead(self) -> Token:
        """
        The token to be read next.
        """
        return self._tokens[self._next]

    def sees(self, *words: str) -> bool:
        """
        Whether *words*, or marks, are next.
        """
        found = self._tokens[self._next : self._next + len(words)]
        return [
            token.text.upper() for token in found if token.kind in {"word", "mark"}
        ] == list(words)

    def accept(self, *words: str) -> bool:
        """
        Read *words* if they are next.
        """
        seen = self.sees(*words)
        if seen:
            self._next += len(words)
        return seen

    def expect(self, *words: str) -> None:
        """
        Read *words*.
        """
        for word in words:
            if not self.accept(word):
                self.refuse()

    def choice(self, *words: str) -> str:
        """
        Read one of *words*.
        """
        for word in words:
            if self.accept(word):
                return word
        return self.refuse()

    def word(self) -> str:
        """
        Read any word, in capitals.
        """
        return self._take("word").upper()

    def words(self) -> list[str]:
        """
        Read the next words, two at most, in capitals.
        """
        words = [self.word()]
        if self.ahead.kind == "word":
            words.append(self.word())
        return words

    def identifier(self) -> str:
        """
        Read a name of one part, as it is written.
        """
        return self._take("word", "name")

    def name(self) -> list[str]:
        """
        Read a name of parts with dots between them.
        """
        parts = [self._part()]
        while self.accept("."):
            parts.append(self._part())
        return parts

    def string(self) -> str:
        """
        Read a string; of several in a row all together.
        """
        text = self._take("string")
        while self.ahead.kind == "string":
            text += self._take("string")
        return text

    def number(self) -> int:
        """
        Read a whole number.
        """
        if not self.ahead.text.isdigit():
            self.refuse()
        return int(self._take("word"))

    def listed(self, read: Callable[[], _T]) -> list[_T]:
        """
        Read one or more, with commas between, in parentheses.
        """
        self.expect("(")
        each = self.series(read)
        self.expect(")")
        return each

    def series(self, read: Callable[[], _T]) -> list[_T]:
        """
        Read one or more, with commas between.
        """
        each = [read()]
        while self.accept(","):
            each.append(read())
        return each

    def rest(self) -> str:
        """
        Read all that is left, without comments and every string spelled alike.
        """
        left = self._tokens[self._next : -1]
        self._next = len(self._tokens) - 1
        text, end = "", 0
        was_string = False
        for token in left:
            if token.raw == ";":
                raise syntax_error(self.sql, token.at, ";")
            is_string = token.kind == "string"
            if is_string and was_string:
                text = text[:-1] + _quoted(token.text)[1:]
            else:
                text += " " * (token.at > end)
                text += _quoted(token.text) if is_string else token.raw
            end, was_string = token.at + len(token.raw), is_string
        return text

    def end(self) -> None:
        """
        See that nothing is left.
        """
        if self.ahead.kind != "end":
            self.refuse()

    def refuse(self) -> NoReturn:
        """
        Refuse the statement at the token ahead.
        """
        raise syntax_error(self.sql, self.ahead.at, self.ahead.raw)

    def _part(self) -> str:
        if self.ahead.kind == "word" and self.ahead.text.isdecimal():
            # A number, unless it is quoted.
            self.refuse()
        return self.identifier()

    def _take(self, *kinds: str) -> str:
        token = self.ahead
        if token.kind not in kinds:
            self.refuse()
        self._next += 1
        return token.text


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
