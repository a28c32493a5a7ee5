// Draws what viewer_data.py sends. `element`, `props`, `trigger` and `watch` come from gradio,
// `moves` from viewer_moves.js.
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const root = find('.viewer'), stage = find('.viewer-stage'), scene = find('.viewer-scene');
const picture = find('.viewer-picture'), over = find('.viewer-over'), heat = find('.viewer-heat');
const mask = find('.viewer-mask'), shapes = find('.viewer-shapes'), handle = find('.viewer-split');

const look = { mode: 'overlay', split: false, outlines: true, boxes: true };
let size = null;      // [width, height] of what is shown; one scene unit is one of these pixels
let steps = null;     // the map in 256 steps, one byte per pixel
let shown = {};       // ids of what was drawn, so that nothing is drawn twice
let said = {};        // the visitor's language

// --- text ---------------------------------------------------------------------------------------

function say() {
  said = props.texts || {};
  for (const node of all('[data-say]')) node.textContent = said[node.dataset.say] || '';
  for (const node of all('[data-say-label]')) {
    node.setAttribute('aria-label', said[node.dataset.sayLabel] || '');
  }
  for (const node of all('[data-zoom]')) node.title = said[node.dataset.sayLabel] || '';
}

// --- layers -------------------------------------------------------------------------------------

function bytes(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); }

function decoded(address) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
    image.src = address;
  });
}

function showPicture() {
  const value = props.value;
  root.classList.toggle('is-empty', !value);
  if (!value) { shown = {}; size = steps = null; picture.removeAttribute('src'); return; }
  if (shown.picture === value.id) return;
  shown.picture = value.id;
  size = value.size;
  picture.src = value.picture;
  picture.alt = value.name;
  for (const node of [scene, picture, over, heat, mask, shapes]) {
    node.style.width = size[0] + 'px';
    node.style.height = size[1] + 'px';
  }
  shapes.setAttribute('viewBox', `0 0 ${size[0]} ${size[1]}`);
  showUnseen(value.seen);
  forgetProbe();
  moves.fit();
}

function showUnseen([left, top, right, bottom]) {
  const [width, height] = size;
  const [scaleX, scaleY] = [width / props.value.pictureSize[0], height / props.value.pictureSize[1]];
  const [l, t, r, b] = [left * scaleX, top * scaleY, right * scaleX, bottom * scaleY];
  const isWhole = l < 1 && t < 1 && r > width - 1 && b > height - 1;
  root.classList.toggle('has-unseen', !isWhole);
  find('.viewer-unseen').style.clipPath = `polygon(evenodd, 0 0, ${width}px 0, ${width}px ${height}px, `
    + `0 ${height}px, 0 0, ${l}px ${t}px, ${r}px ${t}px, ${r}px ${b}px, ${l}px ${b}px, ${l}px ${t}px)`;
}

async function showHeat() {
  const value = props.heat;
  if (!value.steps || shown.heat === value.id) return;
  shown.heat = value.id;
  forgetProbe();
  const image = await decoded(value.steps);
  if (!image || shown.heat !== value.id) return;
  const canvas = document.createElement('canvas');
  canvas.width = image.width; canvas.height = image.height;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const pixels = pen.getImageData(0, 0, image.width, image.height).data;
  steps = new Uint8Array(image.width * image.height);
  for (let i = 0; i < steps.length; i++) steps[i] = pixels[4 * i];
  heat.width = image.width; heat.height = image.height;
  find('.viewer-map').textContent = value.title;
  colour();
  showScale();
}

function colour() {
  const name = find('.viewer-colours').value;
  const table = bytes(props.colours[name]);
  const ramp = find('.viewer-ramp canvas').getContext('2d');
  const bar = ramp.createImageData(256, 1);
  for (let i = 0; i < 256; i++) bar.data.set([...table.slice(3 * i, 3 * i + 3), 255], 4 * i);
  ramp.putImageData(bar, 0, 0);
  if (!steps || steps.length !== heat.width * heat.height) return;
  // The overlay shows the picture where the map is low, as pictures.draw_overlay does.
  const isOverlay = look.mode !== 'heatmap';
  const colours = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const alpha = isOverlay ? i : 255;
    colours[i] = (alpha << 24) | (table[3 * i + 2] << 16) | (table[3 * i + 1] << 8) | table[3 * i];
  }
  const pen = heat.getContext('2d');
  const drawn = pen.createImageData(heat.width, heat.height);
  const words = new Uint32Array(drawn.data.buffer);
  for (let i = 0; i < steps.length; i++) words[i] = colours[steps[i]];
  pen.putImageData(drawn, 0, 0);
}

function showScale() {
  const value = props.heat;
  find('.viewer-scale-unit').textContent = value.unit;
  find('.viewer-ticks').replaceChildren(...value.ticks.map(([place, label]) => {
    const tick = document.createElement('span');
    tick.style.left = 100 * place + '%';
    tick.textContent = label;
    return tick;
  }));
  find('.viewer-scale').setAttribute('aria-label',
    `${value.title}. ${value.unit}: ${value.ticks.map((tick) => tick[1]).join(', ')}`);
}

function showLayer() {
  const value = props.layer;
  if (!value.mask || !size) return;
  mask.src = value.mask;
  for (const path of all('.viewer-shapes path')) path.setAttribute('d', value.outline);
  find('.viewer-boxes').replaceChildren(...value.regions.map(({ box }) => {
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    ['x', 'y', 'width', 'height'].forEach((name, i) => rect.setAttribute(name, box[i]));
    return rect;
  }));
  find('.viewer-cut').style.left = 100 * value.cut + '%';
  find('.viewer-regions tbody').replaceChildren(...value.regions.map(regionRow));
  find('.viewer-regions summary').textContent = `${said.regions || ''} (${value.regions.length})`;
  find('.viewer-more').textContent = value.note || (value.regions.length ? '' : said.noRegions || '');
  moves.place();
}

function regionRow(region, index) {
  const row = document.createElement('tr');
  const go = document.createElement('button');
  go.type = 'button';
  go.textContent = index + 1;
  go.setAttribute('aria-label', `${said.goToRegion || ''} ${index + 1}`);
  go.addEventListener('click', () => moves.zoomTo(region.box));
  row.insertCell().append(go);
  for (const cell of region.cells) row.insertCell().textContent = cell;
  return row;
}

function showProbe() {
  const value = props.answer;
  if (!value.text || !size) return;
  find('.viewer-value').textContent = value.text;
  mark((value.x + 0.5) * size[0] / props.value.pictureSize[0],
    (value.y + 0.5) * size[1] / props.value.pictureSize[1]);
}

function forgetProbe() {
  find('.viewer-mark').style.display = 'none';
  find('.viewer-value').textContent = said.clickHint || '';
}

function mark(x, y) {
  const node = find('.viewer-mark');
  Object.assign(node.style, { display: 'block', left: x + 'px', top: y + 'px' });
}
