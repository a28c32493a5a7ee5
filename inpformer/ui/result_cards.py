"""Results as cards to click, as a component of the page: no file of a visitor's is left behind."""

from __future__ import annotations

import gradio as gr

_SCRIPT = """
const list = element.querySelector('.result-cards');
const cards = new Map();

function made(id) {
  const card = document.createElement('button');
  card.type = 'button';
  card.append(...['img', 'b', 'span', 'span'].map((tag) => document.createElement(tag)));
  card.addEventListener('click', () => trigger('open', { id }));
  cards.set(id, card);
  return card;
}

function show() {
  const shown = props.value || [];
  // The same buttons, so that who stands on one with the keyboard stays there.
  const order = shown.map((item) => {
    const card = cards.get(item.id) || made(item.id);
    const [picture, verdict, line, name] = card.children;
    if (picture.src !== item.picture) picture.src = item.picture;
    picture.alt = '';
    card.className = 'result-card ' + item.kind;
    for (const [node, text] of [[verdict, item.verdict], [line, item.line], [name, item.name]]) {
      node.textContent = text;
    }
    return card;
  });
  for (const [id, card] of cards) {
    if (!order.includes(card)) { card.remove(); cards.delete(id); }
  }
  order.forEach((card, index) => {
    if (list.children[index] !== card) list.insertBefore(card, list.children[index] || null);
  });
}

watch('value', show);
show();
"""


def result_cards(elem_id: str) -> gr.HTML:
    """Return an empty list of cards; its event `open` carries the `id` of a clicked one."""
    return gr.HTML(
        [],
        html_template='<div class="result-cards"></div>',
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
    )
