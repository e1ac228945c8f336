"""Reads SQL texts, and finds the tables of clients that a statement does not restrict to a client.

It knows what our own statements and Django's use of SQL: subqueries, UNION, joins, tuples. A
condition counts when it always holds: not below OR or NOT.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

COLUMN = "client_id"
STAFF = (
    "users.actions",
    "users.admin",
    "users.approvals",
    "users.history",
    "users.kyc.SAME_DOCUMENT",
    "users.kyc.looks.record_look",
    "users.kyc.with_same_document",
    "users.menu",
    "users.models.searches.FOUND",
    "users.models.users.FOUND",
    "wallets.admin",
    "wallets.bank",
    "wallets.dashboard",
    "wallets.erasure",
    "wallets.models.bank_files",
    "wallets.models.movement_querysets.IDENTIFIED",
    "wallets.models.wallets.CALLED",
    "wallets.models.wallets.FOUND",
    "wallets.models.wallets.LABELLED",
    "wallets.models.wallets.NAMED",
)
"""The back office, where staff see all clients; and the bank, whose accounts hold their money."""
NOT_SERVING = (
    "users.archives",
    "users.deliveries",
    "users.duties",
    "users.management",
    "users.migrations",
    "users.webhooks",
    "wallets.anchors",
    "wallets.audit",
    "wallets.duties",
    "wallets.exports.tables",
    "wallets.exports.writing",
    "wallets.moves",
    "wallets.management",
    "wallets.migrations",
    "wallets.models.currencies",
)
TOKEN = re.compile(
    r"""
    '(?:[^']|'')*'              # a text
    | "[^"]+"                   # a quoted name
    | %\(\w+\)s | %s | \$\d+    # a placeholder
    | \w+                       # a word or a number
    | ::|\|\||->>|->|<=|>=|<>|!=
    | [^\s\w]
    """,
    re.VERBOSE,
)
QUERIES = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"})
BEFORE_TABLES = frozenset({"FROM", "JOIN", "UPDATE", "INTO", "USING", "ONLY", ","})
JOINS = frozenset({"CROSS", "FULL", "INNER", "JOIN", "LEFT", "RIGHT"})
CONDITIONS = frozenset({"WHERE", "ON"})
CLAUSES = JOINS | {"FOR", "FROM", "GROUP", "HAVING", "LIMIT", "ORDER", "RETURNING", "SELECT", "SET"}
NO_ALIASES = CONDITIONS | CLAUSES | {"USING", "VALUES"}

Tree = list["str | Tree"]


class Table(NamedTuple):
    """A table of clients in a query, and its name there."""

    name: str
    alias: str


class Comparison(NamedTuple):
    """The tables, by their names, whose client is compared on either side of an equality."""

    left: frozenset[str]
    right: frozenset[str]


def unrestricted(statement: str, tables: Collection[str]) -> list[str]:
    """Say which of these tables the statement names without restricting them to a client."""
    return [found for query in queries(tree(statement)) for found in faults(query, tables)]


# --- Queries -------------------------------------------------------------------------------------


def tree(statement: str) -> Tree:
    """The tokens of a statement; what stands in parentheses is a list of its own."""
    stack: list[Tree] = [[]]
    for token in TOKEN.findall(re.sub(r"--[^\n]*", "", statement)):
        if token == "(":
            stack.append([])
        elif token == ")":
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(token.strip('"') if token[0] != "'" else token)
    return stack[0]


def queries(group: Tree) -> Iterator[Tree]:
    """Every query of a statement; the queries inside it are cut out of it."""
    for part in split(group, {"UNION", "INTERSECT", "EXCEPT"}):
        yield from split_insert(without_queries(part))
    for inner in group:
        if isinstance(inner, list):
            yield from queries(inner)


def split(group: Iterable[str | Tree], words: Collection[str]) -> list[Tree]:
    parts: list[Tree] = [[]]
    for each in group:
        if word(each) in words:
            parts.append([])
        else:
            parts[-1].append(each)
    return parts


def split_insert(query: Tree) -> list[Tree]:
    """An INSERT, and the SELECT whose rows it takes."""
    if word(query[0] if query else "") != "INSERT":
        return [query]
    at = next((at for at, each in enumerate(query) if word(each) == "SELECT"), len(query))
    return [query[:at], query[at:]]


def is_query(group: Tree) -> bool:
    return bool(group) and word(group[0]) in QUERIES


def without_queries(group: Iterable[str | Tree]) -> Tree:
    return [
        (["SUBQUERY"] if is_query(each) else without_queries(each))
        if isinstance(each, list)
        else each
        for each in group
    ]


def word(token: str | Tree) -> str:
    return token.upper() if isinstance(token, str) else ""


def flat(group: Iterable[str | Tree]) -> Iterator[str]:
    for each in group:
        if isinstance(each, list):
            yield from ("(", *flat(each), ")")
        else:
            yield each


# --- What a query restricts ----------------------------------------------------------------------


def faults(query: Tree, names: Collection[str]) -> list[str]:
    """The tables that a query does not restrict, and those that it does not join by client."""
    if word(query[0] if query else "") == "INSERT":
        return insert_faults(query, names)
    tables = list(named(query, names))
    comparisons = list(compared({each.alias for each in tables}, query))
    groups = joined([each.alias for each in tables], comparisons)
    fixed = {alias for left, right in comparisons for alias in left | right if not (left and right)}
    free = [each for each in tables if not groups[each.alias] & fixed]
    found = [f"{each.name} AS {each.alias} is of any client" for each in free]
    if len({*groups.values()}) > 1:
        found.append(f"{', '.join(each.alias for each in tables)} are not joined by client")
    return found


def insert_faults(query: Tree, names: Collection[str]) -> list[str]:
    table = next((each for each in query if isinstance(each, str) and each in names), None)
    columns = next((each for each in query if isinstance(each, list)), [])
    return [f"{table} gets no client"] if table and COLUMN not in columns else []


def named(query: Tree, names: Collection[str]) -> Iterator[Table]:
    """The tables of clients that a query reads or changes."""
    tokens = ["", *flat(query), "", "", ""]
    for at, token in enumerate(tokens):
        if token not in names or tokens[at + 1] == "." or word(tokens[at - 1]) not in BEFORE_TABLES:
            continue
        after = tokens[at + 2] if word(tokens[at + 1]) == "AS" else tokens[at + 1]
        is_alias = re.fullmatch(r"[A-Za-z_]\w*", after) and word(after) not in NO_ALIASES
        yield Table(token, after if is_alias else token)


def compared(aliases: Collection[str], query: Tree) -> Iterator[Comparison]:
    for condition in conditions(query):
        for part in conjuncts(condition):
            sides = split(part, {"=", "IN"})
            if len(sides) == 2:
                left, right = (frozenset(of_client(aliases, side)) for side in sides)
                if left or right:
                    yield Comparison(left, right)


def conditions(query: Tree) -> Iterator[Tree]:
    """What stands after each WHERE and ON."""
    part: Tree | None = None
    for each in query:
        if word(each) in CONDITIONS | CLAUSES:
            if part:
                yield part
            part = [] if word(each) in CONDITIONS else None
        elif part is not None:
            part.append(each)
    if part:
        yield part


def conjuncts(condition: Tree) -> Iterator[Tree]:
    """The conditions that all hold together."""
    if len(split(condition, {"OR"})) > 1:
        return
    for part in split(condition, {"AND"}):
        if len(part) == 1 and isinstance(part[0], list):
            yield from conjuncts(part[0])
        elif part and word(part[0]) != "NOT":
            yield part


def of_client(aliases: Collection[str], side: Tree) -> Iterator[str]:
    """The tables whose client is on this side of a comparison."""
    tokens = ["", "", *flat(side)]
    for at, token in enumerate(tokens):
        if token == COLUMN:
            owner = tokens[at - 2] if tokens[at - 1] == "." else ""
            is_alone = not owner and len(aliases) == 1
            yield from (alias for alias in aliases if alias == owner or is_alone)


def joined(aliases: list[str], comparisons: Iterable[Comparison]) -> Mapping[str, frozenset[str]]:
    """For each table, all the tables that are of the same client."""
    groups = {alias: frozenset({alias}) for alias in aliases}
    for left, right in comparisons:
        for one, other in pairwise([*left, *right]):
            both = groups[one] | groups[other]
            groups |= dict.fromkeys(both, both)
    return groups
