// Where the scene lies, split, clicks and keys of the viewer: goes on where viewer.js ends.
let split = 0.5;      // share of the stage left of the handle

const moves = makeMoves(stage, () => size, (view) => {
  // Rounded, as sums of fractions never come back to exactly where they began.
  const [left, top] = [view.left, view.top].map((value) => Math.round(100 * value) / 100 + 0);
  scene.style.transform = `translate(${left}px, ${top}px) scale(${view.scale})`;
  // Lines and the mark keep their width on the screen.
  scene.style.setProperty('--pixel', 1 / view.scale);
  scene.style.imageRendering = view.scale > 6 ? 'pixelated' : 'auto';
  stage.style.touchAction = view.scale > view.fit * 1.01 ? 'none' : 'pan-y';
  const edge = split * stage.clientWidth;
  handle.style.left = edge + 'px';
  handle.setAttribute('aria-valuenow', Math.round(100 * split));
  const hidden = Math.max(0, (edge - view.left) / view.scale);
  over.style.clipPath = look.split ? `inset(0 0 0 ${hidden}px)` : 'none';
});

function probe(point) {
  if (!size) return;
  const [column, row] = moves.toPicture(point);
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
  moves.place();
}

for (const node of all('button[data-mode]')) {
  node.addEventListener('click', () => { look.mode = node.dataset.mode; showLook(); colour(); });
}
for (const node of all('[data-toggle]')) {
  node.addEventListener('click', () => { look[node.dataset.toggle] = !look[node.dataset.toggle]; showLook(); });
}
for (const node of all('[data-zoom]')) node.addEventListener('click', () => moves.zooming[node.dataset.zoom]());
find('.viewer-opacity').addEventListener('input', showLook);
find('.viewer-colours').append(...Object.keys(props.colours).map((name) => new Option(name, name)));
find('.viewer-colours').addEventListener('change', colour);

listenToHand(stage, moves, {
  ignores: (event) => handle.contains(event.target),
  taps: (event) => probe(moves.at(event)),
});
stage.addEventListener('keydown', (event) => {
  if (!size || event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Enter') probe(moves.middle());
  else if (!moves.moveByKey(event)) return;
  event.preventDefault();
});

function moveSplit(share) { split = Math.min(1, Math.max(0, share)); moves.place(); }
handle.addEventListener('pointerdown', (event) => handle.setPointerCapture(event.pointerId));
handle.addEventListener('pointermove', (event) => {
  if (handle.hasPointerCapture(event.pointerId)) moveSplit(moves.at(event)[0] / stage.clientWidth);
});
handle.addEventListener('keydown', (event) => {
  const move = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
  if (!move) return;
  moveSplit(split + move);
  event.preventDefault();
});
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
