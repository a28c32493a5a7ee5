// Tools, classes, keys and the brush's cursor: goes on where painter.js ends.
const BRUSHES = [1, 3, 5, 7, 9, 13, 17, 21, 27, 35, 45, 57, 73, 93, 119, 151, 191, 255];
const CLOSE_PIXELS = 8, NUDGES = 'input[type=range], input[type=radio], select';
const sizeSlider = find('.painter-size'), opacitySlider = find('.painter-opacity');
const toleranceSlider = find('.painter-tolerance'), sourceChooser = find('.painter-source');

const look = { tool: 'brush', value: 1 };
let stroke = null;    // { value, last, box } while a brush is down
let corners = [];     // of the polygon, or of the box that is being drawn
let hover = null;     // the pixel under the pointer
let isSpace = false;

const brushSize = () => BRUSHES[sizeSlider.value];
const pixelAt = (event) => moves.toPicture(moves.at(event)).map(Math.floor);
const isBrush = () => look.tool === 'brush' || look.tool === 'eraser';

// --- shapes ---------------------------------------------------------------------------------------

function paintTo(point) {
  const box = drawLine(doc, stroke.last, point, brushSize(), stroke.value);
  stroke.last = point;
  stroke.box = joined(stroke.box, box);
  redraw(box);
}

// Takes back what is being drawn.
function giveUp() {
  if (stroke?.box) {
    paste(doc.labels, doc.width, stroke.box, cut(doc.before, doc.width, stroke.box));
    redraw(stroke.box);
  }
  stroke = null;
  corners = [];
  showShape();
}

function finish(box) {
  redraw(box);
  commit(box);
  giveUp();
}

function closePolygon() {
  if (look.tool !== 'polygon' || corners.length < 3) return;
  finish(drawPolygon(doc, corners, look.value));
}

function addCorner(point) {
  const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) * moves.view.scale;
  if (corners.length >= 3 && far(point, corners[0]) <= CLOSE_PIXELS) { closePolygon(); return; }
  corners.push(point);
  showShape();
}

function dropCorner() {
  corners.pop();
  showShape();
}

// --- magic fill -----------------------------------------------------------------------------------

function pixelsOf(image, width, height) {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [width, height];
  const pen = copy.getContext('2d', { willReadFrequently: true });
  pen.drawImage(image, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height).data;
}

function byColour([x, y]) {
  if (!doc.images.length) return null;
  // Kept for the next fill, and gone with the picture.
  doc.colours ||= pixelsOf(doc.images.at(-1), doc.width, doc.height);
  const colours = doc.colours, tolerance = +toleranceSlider.value, seed = 4 * (y * doc.width + x);
  const [red, green, blue] = colours.slice(seed, seed + 3);
  return (i) => Math.abs(colours[4 * i] - red) <= tolerance
    && Math.abs(colours[4 * i + 1] - green) <= tolerance && Math.abs(colours[4 * i + 2] - blue) <= tolerance;
}

let levels = null;

async function loadLevels() {
  const address = props.levels;
  levels = null;
  sourceChooser.querySelector('[value=map]').disabled = !address;
  if (!address && sourceChooser.value === 'map') sourceChooser.value = 'colour';
  if (!address) return;
  const image = new Image();
  image.src = address;
  try { await image.decode(); } catch { return; }
  if (props.levels !== address) return;
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  levels = { width, height, values: pixelsOf(image, width, height) };
}

// What is at least as anomalous as the pixel, less the tolerance.
function byLevel([x, y]) {
  if (!levels) return null;
  const { width } = doc, { values } = levels;
  const columns = Int32Array.from({ length: width }, (_, i) => 4 * Math.floor(i * levels.width / width));
  const rows = Int32Array.from({ length: doc.height },
    (_, i) => 4 * levels.width * Math.floor(i * levels.height / doc.height));
  const least = values[rows[y] + columns[x]] - toleranceSlider.value;
  return (i) => {
    const row = Math.floor(i / width);
    return values[rows[row] + columns[i - row * width]] >= least;
  };
}

function byRegion([x, y]) {
  const { labels } = doc, value = labels[y * doc.width + x];
  return (i) => labels[i] === value;
}

function fillFrom(point) {
  const [x, y] = point;
  if (x < 0 || y < 0 || x >= doc.width || y >= doc.height) return;
  const belongs = { colour: byColour, map: byLevel, region: byRegion }[sourceChooser.value](point);
  if (belongs) finish(flood(doc, point, belongs, look.value));
}

// --- what is shown of it --------------------------------------------------------------------------

// Through the middle of pixels, where the values are decided.
const middleOf = ([x, y]) => moves.toStage([x + 0.5, y + 0.5]);

function showShape() {
  let path = '';
  if (look.tool === 'polygon' && corners.length) {
    const points = [...corners, ...(hover ? [hover] : [])].map((point) => middleOf(point).join(' '));
    path = 'M' + points.join('L') + 'Z';
  } else if (look.tool === 'box' && corners.length === 2) {
    const [[ax, ay], [bx, by]] = corners;
    const [left, top] = moves.toStage([Math.min(ax, bx), Math.min(ay, by)]);
    const [right, bottom] = moves.toStage([Math.max(ax, bx) + 1, Math.max(ay, by) + 1]);
    path = `M${left} ${top}H${right}V${bottom}H${left}Z`;
  }
  for (const node of all('.painter-shape')) node.setAttribute('d', path);
  const isShown = doc && hover && isBrush() && !isSpace;
  const [x, y] = isShown ? middleOf(hover) : [0, 0];
  const reach = isShown ? brushSize() / 2 * moves.view.scale : 0;
  for (const node of all('.painter-cursor')) {
    node.setAttribute('cx', x);
    node.setAttribute('cy', y);
    node.setAttribute('r', reach);
  }
}

function showLook() {
  for (const node of all('button[data-tool]')) node.setAttribute('aria-pressed', node.dataset.tool === look.tool);
  root.dataset.tool = look.tool;
  root.classList.toggle('is-moving', isSpace);
  const name = look.tool[0].toUpperCase() + look.tool.slice(1);
  find('.painter-hint').textContent = said['hint' + name] || '';
  find('.painter-size-now').textContent = `${brushSize()} px`;
  find('.painter-tolerance-now').textContent = toleranceSlider.value;
  sizeSlider.setAttribute('aria-valuetext', `${brushSize()} px`);
  canvas.style.opacity = opacitySlider.value;
  for (const node of all('.painter-classes input')) node.checked = +node.value === look.value;
  showShape();
}

function showClasses() {
  const classes = props.classes || [];
  palette = new Uint32Array(256).fill(0xff808080);
  palette[0] = 0;
  classes.forEach(({ colour }, i) => {
    const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
    palette[i + 1] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  const group = 'painter-' + Math.random().toString(36).slice(2);
  const background = { name: said.background || '', colour: '' };
  find('.painter-classes').replaceChildren(...[...classes, background].map(({ name, colour }, i) => {
    const row = document.createElement('label'), choice = document.createElement('input');
    const swatch = document.createElement('span');
    Object.assign(choice, { type: 'radio', name: group, value: colour ? i + 1 : 0 });
    choice.addEventListener('change', () => choose(+choice.value));
    swatch.className = 'painter-swatch';
    swatch.style.background = colour || 'none';
    row.append(choice, swatch, colour && i < 9 ? `${i + 1} ${name}` : name);
    return row;
  }));
  look.value = Math.min(look.value, classes.length);
  if (doc) redraw(wholeOf(doc));
  showLook();
}

// --- what a visitor does --------------------------------------------------------------------------

function take(tool) {
  giveUp();
  look.tool = tool;
  showLook();
}

function choose(value) {
  look.value = value;
  if (look.tool === 'eraser') look.tool = 'brush';
  showLook();
}

function resize(step) {
  sizeSlider.value = +sizeSlider.value + step;
  showLook();
}

function clear() {
  if (!doc) return;
  giveUp();
  doc.labels.fill(0);
  finish(wholeOf(doc));
}

const doing = {
  undo: () => { if (corners.length) dropCorner(); else if (!stroke) stepBack('undo', 'redo'); },
  redo: () => { if (!corners.length && !stroke) stepBack('redo', 'undo'); },
  clear,
};

listenToHand(stage, moves, {
  begins(event) {
    if (isSpace) return false;
    const point = pixelAt(event);
    // The other end of a pen erases.
    const isErasing = look.tool === 'eraser' || (event.buttons & 32) > 0;
    if (isBrush()) {
      stroke = { value: isErasing ? 0 : look.value, last: point, box: null };
      paintTo(point);
    } else if (look.tool === 'box') corners = [point, point];
    return true;
  },
  goes(event) {
    const every = event.getCoalescedEvents?.() || [];
    if (stroke) for (const each of every.length ? every : [event]) paintTo(pixelAt(each));
    else if (look.tool === 'box' && corners.length) corners[1] = pixelAt(event);
    showShape();
  },
  ends(event) {
    if (stroke) finish(stroke.box);
    else if (look.tool === 'box' && corners.length) finish(drawBox(doc, ...corners, look.value));
    else if (look.tool === 'polygon') addCorner(pixelAt(event));
    else if (look.tool === 'fill') fillFrom(pixelAt(event));
  },
  // A second finger takes back a stroke or a box; a polygon goes on after the picture was moved.
  cancels() { if (look.tool !== 'polygon') giveUp(); },
});
stage.addEventListener('dblclick', closePolygon);
stage.addEventListener('pointermove', (event) => {
  hover = doc && event.pointerType !== 'touch' ? pixelAt(event) : null;
  showShape();
});
stage.addEventListener('pointerleave', () => { hover = null; showShape(); });

for (const node of all('button[data-tool]')) node.addEventListener('click', () => take(node.dataset.tool));
for (const node of all('[data-do]')) node.addEventListener('click', () => doing[node.dataset.do]());
for (const node of all('[data-zoom]')) {
  node.addEventListener('click', () => moves.zooming[node.dataset.zoom]());
}
for (const node of [sizeSlider, opacitySlider, toleranceSlider, sourceChooser]) {
  node.addEventListener('input', showLook);
}

const tools = { b: 'brush', e: 'eraser', p: 'polygon', r: 'box', f: 'fill' };

// Returns whether the key was one of ours.
function press(event) {
  const key = event.key.toLowerCase();
  if (key === 'z' || key === 'y') doing[key === 'y' || event.shiftKey ? 'redo' : 'undo']();
  else if (event.ctrlKey || event.metaKey) return false;
  else if (tools[key]) take(tools[key]);
  else if (key === '[' || key === ']') resize(key === '[' ? -1 : 1);
  else if (key >= '1' && key <= '9' && key.length === 1) {
    if (+key > (props.classes || []).length) return false;
    choose(+key);
  } else if (key === 'escape' && (stroke || corners.length)) giveUp();
  else if (key === 'enter' && event.target === stage) closePolygon();
  else if (key === 'backspace' && corners.length) dropCorner();
  else if (key === ' ' && event.target === stage) { isSpace = true; showLook(); }
  else return moves.moveByKey(event);
  return true;
}

root.addEventListener('keydown', (event) => {
  if (!doc || event.altKey) return;
  const isNudge = event.key.startsWith('Arrow') || event.key === ' ' || event.target.tagName === 'SELECT';
  if (event.target.matches(NUDGES) && isNudge) return;
  if (press(event)) event.preventDefault();
});
root.addEventListener('keyup', (event) => { if (event.key === ' ') { isSpace = false; showLook(); } });
stage.addEventListener('blur', () => { isSpace = false; showLook(); });

watch('texts', () => { say(); showClasses(); });
watch('classes', showClasses);
watch('levels', loadLevels);
watch(['value', 'mask'], load);
watch('ack', hear);
say();
showClasses();
showHistory();
loadLevels();
load();
