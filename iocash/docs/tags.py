"""The tags and filters of the guides: examples in tabs, responses, headings with anchors."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape, format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from iocash.docs.in_clients import with_imports
from iocash.docs.requests import calls_of, written_requests

register = template.Library()

TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
HEADING = re.compile(r"<h([234])>(.*?)</h\1>", re.DOTALL)


def block(kind: str, label: str, text: str) -> SafeString:
    """Code that a reader can scroll with the keyboard."""
    return format_html(
        '<pre class="{}" tabindex="0" aria-label="{}"><code>{}</code></pre>\n',
        kind,
        label,
        mark_safe(escape(str(text).strip("\n"))),  # noqa: S308  # escaped here
    )


@register.simple_block_tag(name="requests")
def in_tabs(content: str, *, headers: bool = False) -> SafeString:
    """Requests in each language; `headers` shows those of the response. Without tabs: curl only."""
    several = written_requests(str(content))
    curl = block("sh", "curl", "\n".join(each.curl(show_headers=headers) for each in several))
    calls = calls_of(several)
    if calls is None:
        return curl
    pairs = [*zip(several, calls, strict=True)]
    python = "\n".join(each.python(call, show_headers=headers) for each, call in pairs)
    typescript = "\n".join(each.typescript(call, show_headers=headers) for each, call in pairs)
    shown = (
        curl,
        block("python", "Python", with_imports(python)),
        block("typescript", "TypeScript", typescript),
    )
    return format_html('<div class="tabs">\n{}{}{}</div>', *shown)


@register.simple_block_tag(name="shell")
def in_a_shell(content: str, label: str = "Shell") -> SafeString:
    return block("sh", label, content)


@register.simple_block_tag(name="program")
def a_program(content: str) -> SafeString:
    return block("python", "Python", content)


@register.simple_block_tag(name="typescript")
def in_typescript(content: str) -> SafeString:
    return block("typescript", "TypeScript", content)


@register.simple_block_tag(name="answer")
def an_answer(content: str, label: str = "Response") -> SafeString:
    return block("answer", label, content)


@register.filter(is_safe=True)
def with_anchors(page: str) -> SafeString:
    """Give each heading without attributes an id, and a link to itself."""
    used: dict[str, int] = {}

    def anchored(found: re.Match[str]) -> str:
        words = strip_tags(found[2])
        name = slugify(words)
        used[name] = used.get(name, 0) + 1
        name += f"-{used[name]}" if used[name] > 1 else ""
        link = format_html(
            '<a class="anchor" href="#{}" aria-label="Link to “{}”">#</a>', name, words
        )
        return f'<h{found[1]} id="{name}">{found[2]} {link}</h{found[1]}>'

    return mark_safe(HEADING.sub(anchored, page))  # noqa: S308  # a page of our own templates


@register.filter(is_safe=True)
def with_wide_tables(page: str) -> SafeString:
    """Let each table without attributes scroll by itself, also with the keyboard."""
    box = r'<div class="wide" role="region" aria-label="Table" tabindex="0">\n\g<0>\n</div>'
    return mark_safe(TABLE.sub(box, page))  # noqa: S308  # a page of our own templates
