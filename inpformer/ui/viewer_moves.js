// Zoom, pan, split, clicks and keys of the viewer: goes on where viewer.js ends.
// --- where the scene lies -----------------------------------------------------------------------

function layOut() {
  if (!size) return;
  const most = Math.min(window.innerHeight * 0.7, 640);
  stage.style.height = Math.max(180, Math.min(most, stage.clientWidth * size[1] / size[0])) + 'px';
}

function fit() {
  if (!size) return;
  view.fit = Math.min(stage.clientWidth / size[0], stage.clientHeight / size[1]);
  view.scale = view.fit;
  place();
}

function place() {
  if (!size) return;
  const [width, height] = [size[0] * view.scale, size[1] * view.scale];
  const within = (start, length, room) =>
    length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));
  view.left = within(view.left, width, stage.clientWidth);
  view.top = within(view.top, height, stage.clientHeight);
  // Rounded, as sums of fractions never come back to exactly where they began.
  const [left, top] = [view.left, view.top].map((value) => Math.round(100 * value) / 100 + 0);
  scene.style.transform = `translate(${left}px, ${top}px) scale(${view.scale})`;
  // Lines and the mark keep their width on the screen.
  scene.style.setProperty('--pixel', 1 / view.scale);
  scene.style.imageRendering = view.scale > 6 ? 'pixelated' : 'auto';
  stage.style.touchAction = view.scale > view.fit * 1.01 ? 'none' : 'pan-y';
  const edge = view.split * stage.clientWidth;
  handle.style.left = edge + 'px';
  handle.setAttribute('aria-valuenow', Math.round(100 * view.split));
  const hidden = Math.max(0, (edge - view.left) / view.scale);
  over.style.clipPath = look.split ? `inset(0 0 0 ${hidden}px)` : 'none';
}

function zoomAt(x, y, factor) {
  const scale = Math.min(view.fit * MOST_ZOOM, Math.max(view.fit, view.scale * factor));
  view.left = x - (x - view.left) * scale / view.scale;
  view.top = y - (y - view.top) * scale / view.scale;
  view.scale = scale;
  place();
}

function zoomTo([left, top, width, height]) {
  const room = Math.min(stage.clientWidth / width, stage.clientHeight / height) / 2;
  view.scale = Math.min(view.fit * MOST_ZOOM, Math.max(view.fit, room));
  view.left = stage.clientWidth / 2 - (left + width / 2) * view.scale;
  view.top = stage.clientHeight / 2 - (top + height / 2) * view.scale;
  place();
  stage.scrollIntoView({ block: 'nearest' });
}

function probe(x, y) {
  if (!size) return;
  const [column, row] = [(x - view.left) / view.scale, (y - view.top) / view.scale];
  if (column < 0 || row < 0 || column >= size[0] || row >= size[1]) return;
  mark(column, row);
  trigger('probe', {
    x: Math.floor(column * props.value.pictureSize[0] / size[0]),
    y: Math.floor(row * props.value.pictureSize[1] / size[1]),
  });
}

// --- what a visitor does ------------------------------------------------------------------------

function showLook() {
  root.dataset.mode = look.mode;
  for (const name of ['split', 'outlines', 'boxes']) root.classList.toggle('has-' + name, look[name]);
  for (const node of all('[data-toggle]')) node.setAttribute('aria-pressed', look[node.dataset.toggle]);
  for (const node of all('button[data-mode]')) {
    node.setAttribute('aria-pressed', node.dataset.mode === look.mode);
  }
  heat.style.opacity = look.mode === 'overlay' ? find('.viewer-opacity').value : 1;
  place();
}

for (const node of all('button[data-mode]')) {
  node.addEventListener('click', () => { look.mode = node.dataset.mode; showLook(); colour(); });
}
for (const node of all('[data-toggle]')) {
  node.addEventListener('click', () => { look[node.dataset.toggle] = !look[node.dataset.toggle]; showLook(); });
}
const middle = () => [stage.clientWidth / 2, stage.clientHeight / 2];
const zooming = { in: () => zoomAt(...middle(), STEP), out: () => zoomAt(...middle(), 1 / STEP), reset: fit };
for (const node of all('[data-zoom]')) node.addEventListener('click', () => zooming[node.dataset.zoom]());
find('.viewer-opacity').addEventListener('input', showLook);
find('.viewer-colours').append(...Object.keys(props.colours).map((name) => new Option(name, name)));
find('.viewer-colours').addEventListener('change', colour);

const at = (event) => {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
};
stage.addEventListener('wheel', (event) => {
  // Zoomed out, the wheel scrolls the page on.
  if (!size || (event.deltaY > 0 && view.scale <= view.fit * 1.001 && !event.ctrlKey)) return;
  event.preventDefault();
  zoomAt(...at(event), Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) / 400));
}, { passive: false });

const fingers = new Map();
let dragged = 0;
stage.addEventListener('pointerdown', (event) => {
  if (!size || handle.contains(event.target) || event.button > 0) return;
  stage.setPointerCapture(event.pointerId);
  if (!fingers.size) dragged = 0;
  fingers.set(event.pointerId, at(event));
});
stage.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const now = at(event);
  dragged += Math.hypot(now[0] - before[0], now[1] - before[1]);
  const other = [...fingers].find(([id]) => id !== event.pointerId);
  if (other) {
    const apart = (point) => Math.max(1, Math.hypot(point[0] - other[1][0], point[1] - other[1][1]));
    zoomAt((now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2, apart(now) / apart(before));
    dragged = CLICK_PIXELS;
  } else if (dragged >= CLICK_PIXELS) {
    view.left += now[0] - before[0];
    view.top += now[1] - before[1];
    place();
  }
  fingers.set(event.pointerId, now);
});
stage.addEventListener('pointerup', (event) => {
  if (fingers.delete(event.pointerId) && dragged < CLICK_PIXELS) probe(...at(event));
});
stage.addEventListener('pointercancel', (event) => fingers.delete(event.pointerId));
stage.addEventListener('keydown', (event) => {
  if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = 40, moves = {
    ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far],
  };
  const [x, y] = moves[event.key] || [0, 0];
  if (event.key === '+' || event.key === '=') zooming.in();
  else if (event.key === '-') zooming.out();
  else if (event.key === '0') fit();
  else if (event.key === 'Enter') probe(...middle());
  else if ((x || y) && view.scale > view.fit * 1.001) { view.left += x; view.top += y; place(); }
  else return;
  event.preventDefault();
});

function moveSplit(share) { view.split = Math.min(1, Math.max(0, share)); place(); }
handle.addEventListener('pointerdown', (event) => handle.setPointerCapture(event.pointerId));
handle.addEventListener('pointermove', (event) => {
  if (handle.hasPointerCapture(event.pointerId)) moveSplit(at(event)[0] / stage.clientWidth);
});
handle.addEventListener('keydown', (event) => {
  const move = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
  if (!move) return;
  moveSplit(view.split + move);
  event.preventDefault();
});
// A tab that is not shown has no width yet.
new ResizeObserver(() => {
  if (!size || !stage.clientWidth) return;
  const wasFit = view.scale <= view.fit * 1.001;
  layOut();
  view.fit = Math.min(stage.clientWidth / size[0], stage.clientHeight / size[1]);
  if (wasFit || view.scale < view.fit) view.scale = view.fit;
  place();
}).observe(root);

// Gradio takes a property whose name stands in quotes in a script for an event.
const changes = {
  texts: () => { say(); showLayer(); },
  value: () => { showPicture(); showLayer(); },
  heat: showHeat,
  layer: showLayer,
  answer: showProbe,
};
for (const [name, act] of Object.entries(changes)) watch(name, act);
say();
showLook();
showPicture();
showHeat();
showLayer();
