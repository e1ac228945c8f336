"""The tags and filters of the guides."""

from __future__ import annotations

from django.template import engines
from django.test import Client as Browser

from iocash.docs import tags


def rendered(text: str) -> str:
    return engines["django"].from_string(text).render({"origin": "https://a.example"})


def test_requests_are_shown_in_tabs_and_escaped():
    text = rendered('{% requests %}\nPOST /wallets\n{"userId": "<a>"}\n{% endrequests %}')
    assert text.startswith('<div class="tabs">\n<pre class="sh" tabindex="0" aria-label="curl">')
    assert text.count("&lt;a&gt;") == 3
    assert text.count('<pre class="python" tabindex="0" aria-label="Python"><code>') == 1
    assert text.count('<pre class="typescript" tabindex="0" aria-label="TypeScript"><code>') == 1


def test_request_that_the_clients_cannot_send_has_no_tabs():
    text = rendered('{% requests %}\nPOST /wallets\n{"unknown": "a"}\n{% endrequests %}')
    assert text.startswith('<pre class="sh" tabindex="0" aria-label="curl">')
    assert "tabs" not in text


def test_blocks_have_labels_and_show_variables():
    text = rendered('{% program %}\nif 1 < 2: "{{ origin }}"\n{% endprogram %}')
    assert text == (
        '<pre class="python" tabindex="0" aria-label="Python"><code>'
        "if 1 &lt; 2: &quot;https://a.example&quot;</code></pre>\n"
    )
    assert 'class="answer"' in rendered('{% answer "Printed" %}{% endanswer %}')
    assert 'aria-label="Printed"' in rendered('{% answer "Printed" %}{% endanswer %}')
    assert 'class="sh"' in rendered("{% shell %}{% endshell %}")


def test_headings_have_distinct_anchors_with_links():
    text = Browser().get("/api/docs/idempotency").text
    assert (
        '<h2 id="rules">Rules <a class="anchor" href="#rules" aria-label="Link to “Rules”">' in text
    )
    assert tags.with_anchors("<h2>A</h2><h3>A</h3>").count('id="a-2"') == 1
    assert tags.with_anchors('<h2 class="x">A</h2>') == '<h2 class="x">A</h2>'


def test_table_scrolls_by_itself():
    text = tags.with_wide_tables("<p>A</p><table><tr></tr></table>")
    assert text.startswith(
        '<p>A</p><div class="wide" role="region" aria-label="Table" tabindex="0">'
    )
    assert tags.with_wide_tables('<table class="codes"></table>').startswith("<table")
