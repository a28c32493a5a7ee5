// Class values of pixels: shapes, fills, runs and PNG. No page, no canvas, so that every value is
// exact. A box is [left, top, right, bottom], the last two outside; a point is a whole pixel.

// --- boxes --------------------------------------------------------------------------------------

function joined(a, b) {
  if (!a || !b) return a || b;
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

function clipped([left, top, right, bottom], { width, height }) {
  const box = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);

function cut(labels, width, [left, top, right, bottom]) {
  const part = new Uint8Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) {
    part.set(labels.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return part;
}

function paste(labels, width, [left, top, right, bottom], part) {
  for (let y = top; y < bottom; y++) {
    const start = (y - top) * (right - left);
    labels.set(part.subarray(start, start + right - left), y * width + left);
  }
}

// The smallest box of pixels that differ within a box, or null.
function changedBox(before, after, width, [left, top, right, bottom]) {
  let box = null;
  for (let y = top; y < bottom; y++) {
    const row = y * width;
    let first = left, last = right - 1;
    while (first < right && before[row + first] === after[row + first]) first++;
    if (first === right) continue;
    while (before[row + last] === after[row + last]) last--;
    box = joined(box, [first, y, last + 1, y + 1]);
  }
  return box;
}

// --- shapes -------------------------------------------------------------------------------------

// All pixels at most half of `size` from the line between two pixels; in whole numbers throughout.
// Returns the box it touched, or null.
function drawLine(mask, [ax, ay], [bx, by], size, value) {
  const reach = Math.ceil(size / 2);
  const box = clipped([Math.min(ax, bx) - reach, Math.min(ay, by) - reach,
    Math.max(ax, bx) + reach + 1, Math.max(ay, by) + reach + 1], mask);
  if (!box) return null;
  const [vx, vy] = [bx - ax, by - ay];
  const length2 = vx * vx + vy * vy, size2 = size * size, across2 = size2 * length2;
  for (let y = box[1]; y < box[3]; y++) {
    const row = y * mask.width, [ady, bdy] = [y - ay, y - by];
    for (let x = box[0]; x < box[2]; x++) {
      const adx = x - ax, along = adx * vx + ady * vy;
      let isNear;
      if (along <= 0) isNear = 4 * (adx * adx + ady * ady) <= size2;
      else if (along >= length2) { const bdx = x - bx; isNear = 4 * (bdx * bdx + bdy * bdy) <= size2; }
      else { const across = adx * vy - ady * vx; isNear = 4 * across * across <= across2; }
      if (isNear) mask.labels[row + x] = value;
    }
  }
  return box;
}

function drawBox(mask, [ax, ay], [bx, by], value) {
  const box = clipped([Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx) + 1, Math.max(ay, by) + 1], mask);
  if (!box) return null;
  for (let y = box[1]; y < box[3]; y++) {
    mask.labels.fill(value, y * mask.width + box[0], y * mask.width + box[2]);
  }
  return box;
}

// Pixels whose middle is inside, by the even-odd rule, and its edges one pixel wide.
function drawPolygon(mask, corners, value) {
  let box = null;
  corners.forEach((corner, i) => {
    box = joined(box, drawLine(mask, corner, corners[(i + 1) % corners.length], 1, value));
  });
  const rows = corners.map((corner) => corner[1]);
  const top = Math.max(0, Math.min(...rows)), bottom = Math.min(mask.height - 1, Math.max(...rows));
  for (let y = top; y <= bottom; y++) {
    const crossings = [];
    corners.forEach(([ax, ay], i) => {
      const [bx, by] = corners[(i + 1) % corners.length];
      if ((ay <= y) !== (by <= y)) crossings.push(ax + (y - ay) * (bx - ax) / (by - ay));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const run = clipped([Math.ceil(crossings[i]), y, Math.floor(crossings[i + 1]) + 1, y + 1], mask);
      if (!run) continue;
      mask.labels.fill(value, y * mask.width + run[0], y * mask.width + run[2]);
      box = joined(box, run);
    }
  }
  return box;
}

// Every pixel that is reached from `start` over sides of pixels for which `belongs(index)` holds.
function flood(mask, start, belongs, value) {
  const { width, height } = mask;
  const seen = new Uint8Array(width * height), reached = [], stack = [start];
  let box = null;
  while (stack.length) {
    const [x, y] = stack.pop(), row = y * width;
    if (seen[row + x] || !belongs(row + x)) continue;
    let left = x, right = x + 1;
    while (left > 0 && !seen[row + left - 1] && belongs(row + left - 1)) left--;
    while (right < width && !seen[row + right] && belongs(row + right)) right++;
    seen.fill(1, row + left, row + right);
    reached.push([row + left, row + right]);
    box = joined(box, [left, y, right, y + 1]);
    for (const next of [y - 1, y + 1]) {
      if (next < 0 || next >= height) continue;
      const begin = next * width;
      let inRun = false;
      for (let i = left; i < right; i++) {
        const isOpen = !seen[begin + i] && belongs(begin + i);
        if (isOpen && !inRun) stack.push([i, next]);
        inRun = isOpen;
      }
    }
  }
  // Last, for `belongs` may look at the class values themselves.
  for (const [first, end] of reached) mask.labels.fill(value, first, end);
  return box;
}

// --- runs: what undo remembers, some bytes for a stroke ------------------------------------------

const LONGEST_RUN = 0xffffff;

function toRuns(values) {
  const runs = [];
  for (let i = 0; i < values.length;) {
    let end = i + 1;
    while (end < values.length && values[end] === values[i] && end - i < LONGEST_RUN) end++;
    runs.push(values[i] * (LONGEST_RUN + 1) + end - i);
    i = end;
  }
  return Uint32Array.from(runs);
}

function fromRuns(runs, count) {
  const values = new Uint8Array(count);
  let i = 0;
  for (const run of runs) { values.fill(run >>> 24, i, i + (run & LONGEST_RUN)); i += run & LONGEST_RUN; }
  return values;
}

// --- packing ------------------------------------------------------------------------------------

async function through(bytes, stream) {
  const packed = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

const unpacked = (text) => through(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)),
  new DecompressionStream('deflate'));

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function pngChunk(name, data) {
  const chunk = new Uint8Array(data.length + 12), numbers = new DataView(chunk.buffer);
  numbers.setUint32(0, data.length);
  chunk.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  chunk.set(data, 8);
  let crc = -1;
  for (let i = 4; i < data.length + 8; i++) crc = crcTable[(crc ^ chunk[i]) & 255] ^ (crc >>> 8);
  numbers.setUint32(data.length + 8, ~crc);
  return chunk;
}

// Written here, because some browsers change what is read back from a canvas, against tracking.
async function toPng(values, width, height) {
  const rows = new Uint8Array((width + 1) * height), header = new Uint8Array(13);
  for (let y = 0; y < height; y++) rows.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const sizes = new DataView(header.buffer);
  sizes.setUint32(0, width); sizes.setUint32(4, height); header[8] = 8;
  const data = await through(rows, new CompressionStream('deflate'));
  const png = new Blob([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), pngChunk('IHDR', header),
    pngChunk('IDAT', data), pngChunk('IEND', new Uint8Array(0))]);
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(png);
  });
}
