"""Each key of a TOML file is found in its line, whichever way it is written."""

import tomllib
from typing import Any

import pytest

from broker.runtime.toml_places import KeyPath, find_places

TEXT = '''\
# A comment, [no.header]
top = 1                        # 2

[table]                        # 4
"quoted key" = "a # b"
dotted.key = 2
inline = { one = 1, two = { three = 3 } }
list = [                       # 8
  "[[array]]",
  # key = 1
  "b",
]
after = """                    # 13
[false]
key = 1
"""
last = \'\'\'
# [x]\'\'\'

[[array]]                      # 20
name = "first"
[array.below]                  # 22
value = 1
[[array.inner]]                # 24
value = 1
[[array.inner]]                # 26
value = 2

[[array]]                      # 29
name = "second"
[[array.inner]]                # 31
value = 3

[deep.down.here]               # 34
x.y.z = 1
[deep]
z = 2
'''

EXPECTED: dict[KeyPath, int] = {
    ("top",): 2,
    ("table",): 4,
    ("table", "quoted key"): 5,
    ("table", "dotted", "key"): 6,
    ("table", "inline", "one"): 7,
    ("table", "inline", "two", "three"): 7,
    ("table", "list"): 8,
    ("table", "list", 1): 8,
    ("table", "after"): 13,
    ("table", "last"): 17,
    ("array", 0): 20,
    ("array", 0, "name"): 21,
    ("array", 0, "below"): 22,
    ("array", 0, "below", "value"): 23,
    ("array", 0, "inner", 0): 24,
    ("array", 0, "inner", 0, "value"): 25,
    ("array", 0, "inner", 1): 26,
    ("array", 0, "inner", 1, "value"): 27,
    ("array", 1): 29,
    ("array", 1, "name"): 30,
    ("array", 1, "inner", 0): 31,
    ("array", 1, "inner", 0, "value"): 32,
    ("deep", "down", "here"): 34,
    ("deep", "down", "here", "x", "y", "z"): 35,
    ("deep", "z"): 37,
}


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["Unix", "Windows"])
@pytest.mark.parametrize(("path", "line"), EXPECTED.items(), ids=[str(path) for path in EXPECTED])
def test_a_key_is_found_in_its_line(path: KeyPath, line: int, ending: str) -> None:
    """Comments, quotes, dots, inline tables, values over several lines, arrays of tables."""
    assert line == find_places(TEXT.replace("\n", ending)).line(path)


def test_every_value_of_a_file_has_a_line() -> None:
    """No path through the content is missing."""
    places = find_places(TEXT)

    def leaves(content: Any, path: KeyPath) -> list[KeyPath]:
        """Return the paths to the plain values in some content."""
        if not isinstance(content, dict | list):
            return [path]
        items = content.items() if isinstance(content, dict) else enumerate(content)
        return [leaf for name, inner in items for leaf in leaves(inner, (*path, name))]

    content = tomllib.loads(TEXT)
    found = [leaf for name, inner in content.items() for leaf in leaves(inner, (name,))]
    assert [] == [leaf for leaf in found if leaf not in places]


@pytest.mark.parametrize(
    ("path", "line"),
    [(("table", "gone"), 4), (("array", 1, "inner", 0, "gone"), 31), (("gone",), 1), ((), 1)],
)
def test_what_is_missing_is_looked_for_where_it_would_stand(path: KeyPath, line: int) -> None:
    """A key that ought to be there has the line of what ought to hold it."""
    assert line == find_places(TEXT).line(path)


def test_an_empty_file_has_no_places() -> None:
    """Nor has one of comments."""
    assert {} == find_places("") == find_places("# nothing\n\n")
