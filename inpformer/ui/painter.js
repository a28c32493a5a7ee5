// The painter's picture, mask and their way to the server; `element`, `props`, `trigger` and
// `watch` come from gradio. painter_pixels.js and moves.js come before, painter_tools.js after.
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const root = find('.painter'), stage = find('.painter-stage'), scene = find('.painter-scene');
const photo = find('.painter-picture'), canvas = find('.painter-mask');
const PATIENCE = 8000, MOST_UNDO = 200, MOST_RATIO = 2, MOST_SAMPLES = 4, PREVIEW = 1600;
const SHOW_PIXELS_FROM = 3;

const docs = new Map();  // by picture id; those that are no longer shown stay until all is saved
let doc = null;          // the one on the stage
let palette = new Uint32Array(256);
let said = {};           // the visitor's language
let reason = '';         // why the last drawing was refused

// --- text ---------------------------------------------------------------------------------------

function say() {
  said = props.texts || {};
  for (const node of all('[data-say]')) node.textContent = said[node.dataset.say] || '';
  for (const node of all('[data-say-label]')) {
    node.setAttribute('aria-label', said[node.dataset.sayLabel] || '');
  }
  for (const node of all('[data-key]')) {
    node.title = `${said[node.dataset.sayLabel || node.dataset.say] || ''} (${node.dataset.key})`;
  }
  showState();
}

function showState() {
  const isLate = [...docs.values()].some((each) => each.isLate);
  const isSaving = [...docs.values()].some((each) => each.pending.length);
  const state = isLate ? 'late' : isSaving ? 'saving' : doc?.isProposal ? 'proposal' : 'saved';
  root.dataset.state = doc ? state : 'empty';
  find('.painter-state').textContent = doc ? said[state] || '' : '';
  find('.painter-reason').textContent = reason;
}

// --- the picture and its mask --------------------------------------------------------------------

const newest = new Map();

async function load() {
  const value = props.value, sent = props.mask;
  root.classList.toggle('is-empty', !value);
  if (!value) { leave(); return; }
  if (!sent || (sent.id !== value.id && !docs.has(sent.id))) return;
  newest.set(sent.id, sent.sent);
  const known = docs.get(sent.id);
  const [width, height] = known ? [known.width, known.height] : value.size;
  const labels = await unpacked(sent.labels).catch(() => []);
  if (newest.get(sent.id) !== sent.sent) return;
  if (labels.length !== width * height) { reason = said.damaged || ''; showState(); return; }
  const target = docs.get(sent.id) || newDoc(sent.id, width, height, labels);
  replace(target, labels, sent);
  if (target.id === props.value?.id && target !== doc) show(target, value);
  if (target === doc) {
    redraw(wholeOf(doc));
    showHistory();
    root.dataset.ready = `${doc.id} ${sent.sent}`;
  }
  send(target);
}

function newDoc(id, width, height, labels) {
  // `before` is the mask without the stroke that is being drawn.
  const made = {
    id, width, height, labels, before: labels, revision: 0,
    undo: [], redo: [], pending: [], sending: null, isLate: false, images: [],
  };
  docs.set(id, made);
  return made;
}

const wholeOf = ({ width, height }) => [0, 0, width, height];

function leave() {
  giveUp();
  if (doc) {
    for (const image of doc.images) image.close();
    [doc.images, doc.colours] = [[], null];
    if (!doc.pending.length) docs.delete(doc.id);
  }
  doc = null;
  // What belongs to the last picture must not be seen on the next one.
  for (const each of [photo, canvas]) each.getContext('2d').clearRect(0, 0, each.width, each.height);
  showState();
}

function show(next, value) {
  leave();
  doc = next;
  reason = '';
  photo.setAttribute('aria-label', value.name);
  scene.style.width = doc.width + 'px';
  scene.style.height = doc.height + 'px';
  moves.fit();
  loadPicture(next, value.picture);
}

// The picture, and where it is large a smaller one for a look at all of it: drawing that anew is
// quick, and pixels between those drawn are not left out.
async function loadPicture(target, address) {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
    const whole = await createImageBitmap(image);
    const small = { resizeWidth: PREVIEW, resizeQuality: 'medium' };
    target.images = whole.width > PREVIEW ? [await createImageBitmap(image, small), whole] : [whole];
  } catch { reason = said.noPicture || ''; showState(); return; }
  if (target !== doc) return;
  root.dataset.picture = doc.id;
  redraw(wholeOf(doc), true);
}

// Takes over the server's mask; what was drawn here and is not yet saved is drawn on it again.
function replace(target, labels, { revision, isProposal }) {
  if (target === doc) giveUp();
  for (const { box, old, fresh } of target.pending) {
    const part = cut(labels, target.width, box);
    const [from, to] = [fromRuns(old, part.length), fromRuns(fresh, part.length)];
    for (let i = 0; i < part.length; i++) if (from[i] !== to[i]) part[i] = to[i];
    paste(labels, target.width, box, part);
  }
  remember(target, change(target, labels, wholeOf(target)));
  target.labels = labels;
  target.before = labels.slice();
  target.revision = revision;
  target.isProposal = isProposal;
  showState();
}

// --- changes: one stroke, one undo ---------------------------------------------------------------

function change(target, labels, around) {
  const box = changedBox(target.before, labels, target.width, around);
  if (!box) return null;
  const runs = (values) => toRuns(cut(values, target.width, box));
  return { box, old: runs(target.before), fresh: runs(labels) };
}

function remember(target, made) {
  if (!made) return;
  target.undo.push(made);
  if (target.undo.length > MOST_UNDO) target.undo.shift();
  target.redo = [];
}

// Keeps what has been drawn in a box, and sends it.
function commit(box) {
  const made = box && change(doc, doc.labels, box);
  if (!made) return;
  paste(doc.before, doc.width, made.box, cut(doc.labels, doc.width, made.box));
  remember(doc, made);
  queue(made);
}

function queue(made) {
  reason = '';
  doc.pending.push(made);
  showHistory();
  send(doc);
}

function stepBack(from, to) {
  const made = doc?.[from].pop();
  if (!made) return;
  const part = fromRuns(from === 'undo' ? made.old : made.fresh, area(made.box));
  for (const values of [doc.labels, doc.before]) paste(values, doc.width, made.box, part);
  doc[to].push(made);
  redraw(made.box);
  queue(from === 'undo' ? { box: made.box, old: made.fresh, fresh: made.old } : made);
}

function showHistory() {
  find('[data-do=undo]').disabled = !doc?.undo.length;
  find('[data-do=redo]').disabled = !doc?.redo.length;
}

// --- to the server: one patch at a time, in order -------------------------------------------------

async function send(target) {
  showState();
  if (target.sending) return;
  if (!target.pending.length) { if (target !== doc) docs.delete(target.id); return; }
  let box = null, count = 0, total = 0;
  for (const made of target.pending) {
    const both = joined(box, made.box);
    total += area(made.box);
    if (count && area(both) > 2 * total) break;
    box = both;
    count++;
  }
  const id = Date.now().toString(36) + Math.random().toString(36).slice(2);
  const sending = target.sending = { id, count, tries: 0 };
  const [revision, [left, top, right, bottom]] = [target.revision, box];
  const png = await toPng(cut(target.before, target.width, box), right - left, bottom - top);
  sending.patch = { id, revision, box: [left, top, right - left, bottom - top], png };
  offer(target, sending);
}

function offer(target, sending) {
  if (target.sending !== sending) return;
  target.timer = setTimeout(() => {
    target.isLate = true;
    showState();
    offer(target, sending);
  }, PATIENCE * 2 ** sending.tries++);
  trigger('draw', { picture: target.id, patch: sending.patch });
}

function hear() {
  const ack = props.ack, target = ack && docs.get(ack.picture);
  if (!target || target.sending?.id !== ack.patch) return;
  clearTimeout(target.timer);
  const { count } = target.sending;
  target.sending = null;
  target.isLate = false;
  if (ack.state !== 'stale') target.pending.splice(0, count);
  if (ack.state === 'saved') {
    target.revision = Math.max(target.revision, ack.revision);
    target.isProposal = false;
  }
  if (ack.state === 'refused') reason = ack.reason;
  const mustLoad = ack.state === 'refused' || (ack.state === 'stale' && ack.revision !== target.revision);
  if (mustLoad) trigger('resync', { picture: target.id });
  else send(target);
  showState();
}

window.addEventListener('beforeunload', (event) => {
  if (element.isConnected && [...docs.values()].some((each) => each.pending.length)) event.preventDefault();
});

// --- what is seen ---------------------------------------------------------------------------------

const moves = makeMoves(stage, () => doc && [doc.width, doc.height], (view) => {
  scene.style.transform = `translate(${view.left}px, ${view.top}px) scale(${view.scale})`;
  const ratio = Math.min(MOST_RATIO, window.devicePixelRatio || 1);
  const [width, height] = [stage.clientWidth * ratio, stage.clientHeight * ratio].map(Math.round);
  for (const each of [photo, canvas]) {
    if (each.width !== width || each.height !== height) [each.width, each.height] = [width, height];
  }
  redraw(wholeOf(doc), true);
  showShape();
});

let dirty = null, isWhole = false, frame = 0;

function redraw(box, isEverything = false) {
  if (!box) return;
  dirty = joined(dirty, box);
  isWhole ||= isEverything;
  frame ||= requestAnimationFrame(draw);
}

// For each of `count` screen pixels from `first`, the picture pixels looked at; -1 is outside.
function samples(first, count, start, scale, length) {
  const each = Math.min(MOST_SAMPLES, Math.max(1, Math.round(1 / scale)));
  return [each, Int32Array.from({ length: count * each }, (_, i) => {
    const pixel = Math.floor((first + (i + 0.5) / each - start) / scale);
    return pixel < 0 || pixel >= length ? -1 : pixel;
  })];
}

// Where the picture lies in the stage's own pixels.
function placeOnCanvas() {
  const ratio = canvas.width / stage.clientWidth;
  return [moves.view.left, moves.view.top, moves.view.scale].map((each) => each * ratio);
}

function drawPicture() {
  const pen = photo.getContext('2d'), [left, top, scale] = placeOnCanvas();
  pen.clearRect(0, 0, photo.width, photo.height);
  const image = doc.images.find((each) => each.width >= doc.width * scale) || doc.images.at(-1);
  if (!image) return;
  const [x, y, right, bottom] = [Math.max(0, -left / scale), Math.max(0, -top / scale),
    Math.min(doc.width, (photo.width - left) / scale), Math.min(doc.height, (photo.height - top) / scale)];
  const [kx, ky] = [image.width / doc.width, image.height / doc.height];
  pen.imageSmoothingEnabled = moves.view.scale < SHOW_PIXELS_FROM;
  pen.drawImage(image, x * kx, y * ky, (right - x) * kx, (bottom - y) * ky,
    left + x * scale, top + y * scale, (right - x) * scale, (bottom - y) * scale);
}

// The stage's own pixels are coloured, however large the picture is, and only where it changed.
function draw() {
  const box = dirty, isAll = isWhole;
  [frame, dirty, isWhole] = [0, null, false];
  if (!doc || !stage.clientWidth) return;
  const pen = canvas.getContext('2d');
  if (isAll) { pen.clearRect(0, 0, canvas.width, canvas.height); drawPicture(); }
  const [left, top, scale] = placeOnCanvas();
  const seen = clipped([Math.floor(left + box[0] * scale) - 1, Math.floor(top + box[1] * scale) - 1,
    Math.ceil(left + box[2] * scale) + 1, Math.ceil(top + box[3] * scale) + 1], canvas);
  if (!seen) return;
  const [width, height] = [seen[2] - seen[0], seen[3] - seen[1]];
  const drawn = pen.createImageData(width, height), colours = new Uint32Array(drawn.data.buffer);
  const [each, columns] = samples(seen[0], width, left, scale, doc.width);
  const [, rows] = samples(seen[1], height, top, scale, doc.height);
  const { labels } = doc;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      let value = 0;
      for (let j = y * each; j < (y + 1) * each && !value; j++) {
        if (rows[j] < 0) continue;
        const row = rows[j] * doc.width;
        for (let i = x * each; i < (x + 1) * each && !value; i++) {
          if (columns[i] >= 0) value = labels[row + columns[i]];
        }
      }
      colours[at] = palette[value];
    }
  }
  pen.putImageData(drawn, seen[0], seen[1]);
}
