// The queue of pictures as buttons; `element`, `props`, `trigger` and `watch` come from gradio.
const list = element.querySelector('.queue');
const rows = new Map();

function made(id) {
  const row = document.createElement('li'), button = document.createElement('button');
  button.type = 'button';
  const text = document.createElement('span');
  text.append(...['b', 'span', 'span'].map((tag) => document.createElement(tag)));
  button.append(document.createElement('img'), text);
  button.addEventListener('click', () => trigger('pick', { id }));
  row.append(button);
  rows.set(id, row);
  return row;
}

function show() {
  const shown = props.value || [], pictures = props.pictures || {};
  // The same buttons, so that who stands on one with the keyboard stays there.
  const order = shown.map((item) => {
    const row = rows.get(item.id) || made(item.id), button = row.firstChild;
    const [picture, text] = button.children, address = pictures[item.id] || '';
    if (picture.getAttribute('src') !== address) picture.src = address;
    picture.alt = '';
    picture.style.visibility = address ? 'visible' : 'hidden';
    row.className = 'queue-row is-' + item.label;
    const isNew = item.isCurrent && button.getAttribute('aria-current') !== 'true';
    button.setAttribute('aria-current', String(item.isCurrent));
    [item.name, item.state, item.line].forEach((each, i) => { text.children[i].textContent = each; });
    // Within the list only: the page itself must not jump.
    if (isNew) list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 3;
    return row;
  });
  for (const [id, row] of rows) {
    if (!order.includes(row)) { row.remove(); rows.delete(id); }
  }
  order.forEach((row, index) => {
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] || null);
  });
}

watch(['value', 'pictures'], show);
show();
