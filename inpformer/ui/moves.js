// Where a picture lies on a stage, and how a hand moves it: shared by viewer and painter.
// One unit of a picture is one of its pixels; places on the stage are CSS pixels.

const MOST_ZOOM = 40, ZOOM_STEP = 1.25, CLICK_PIXELS = 5, ARROW_PIXELS = 40;

// `sizeOf` returns [width, height] or null; `placed` is called whenever the picture lies elsewhere.
function makeMoves(stage, sizeOf, placed) {
  const view = { scale: 1, left: 0, top: 0, fit: 1 };
  const isFit = () => view.scale <= view.fit * 1.001;

  function place() {
    const size = sizeOf();
    if (!size) return;
    const within = (start, length, room) =>
      length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));
    view.left = within(view.left, size[0] * view.scale, stage.clientWidth);
    view.top = within(view.top, size[1] * view.scale, stage.clientHeight);
    placed(view);
  }

  function measure() {
    const size = sizeOf();
    const most = Math.min(window.innerHeight * 0.7, 640);
    stage.style.height = Math.max(180, Math.min(most, stage.clientWidth * size[1] / size[0])) + 'px';
    view.fit = Math.min(stage.clientWidth / size[0], stage.clientHeight / size[1]);
  }

  function fit() {
    if (!sizeOf()) return;
    // Not shown yet: fitted once it is.
    if (!stage.clientWidth) { view.fit = view.scale = 0; return; }
    measure();
    view.scale = view.fit;
    place();
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

  function panBy(x, y) { view.left += x; view.top += y; place(); }

  const middle = () => [stage.clientWidth / 2, stage.clientHeight / 2];
  const zooming = {
    in: () => zoomAt(...middle(), ZOOM_STEP), out: () => zoomAt(...middle(), 1 / ZOOM_STEP), reset: fit,
  };

  // Returns whether the key was one of ours.
  function moveByKey(event) {
    const moves = {
      ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
    };
    const [x, y] = moves[event.key] || [0, 0];
    if (event.key === '+' || event.key === '=') zooming.in();
    else if (event.key === '-') zooming.out();
    else if (event.key === '0') fit();
    else if ((x || y) && !isFit()) panBy(x * ARROW_PIXELS, y * ARROW_PIXELS);
    else return false;
    return true;
  }

  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  };
  const toPicture = ([x, y]) => [(x - view.left) / view.scale, (y - view.top) / view.scale];
  const toStage = ([x, y]) => [view.left + x * view.scale, view.top + y * view.scale];

  // A tab that is not shown has no width yet.
  new ResizeObserver(() => {
    if (!sizeOf() || !stage.clientWidth) return;
    const wasFit = isFit();
    measure();
    if (wasFit || view.scale < view.fit) view.scale = view.fit;
    place();
  }).observe(stage.parentElement);

  return {
    view, place, fit, isFit, isEmpty: () => !sizeOf(), zoomAt, zoomTo, panBy, zooming, middle, moveByKey,
    at, toPicture, toStage,
  };
}

// What a hand may do on a stage beside moving the picture; each may be missing.
//   ignores(event): it began on something else.
//   begins(event): returns true to draw with this pointer; otherwise it moves the picture.
//   goes(event), ends(event), cancels(): the drawing pointer; a second finger cancels.
//   taps(event): down and up at one place, without drawing.
function listenToHand(stage, moves, hand) {
  const fingers = new Map();
  let held = null, isPen = false, dragged = 0;

  stage.addEventListener('wheel', (event) => {
    // Zoomed out, the wheel scrolls the page on.
    if (moves.isEmpty() || (event.deltaY > 0 && moves.isFit() && !event.ctrlKey)) return;
    event.preventDefault();
    moves.zoomAt(...moves.at(event), Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) / 400));
  }, { passive: false });

  stage.addEventListener('pointerdown', (event) => {
    // Button 1 is the wheel, 5 the other end of a pen.
    if (![0, 1, 5].includes(event.button) || moves.isEmpty() || hand.ignores?.(event)) return;
    // The ball of a hand that holds a pen is no second finger.
    if (fingers.size && isPen && event.pointerType !== 'pen') return;
    if (event.button === 1) event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    if (!fingers.size) {
      dragged = 0;
      isPen = event.pointerType === 'pen';
      held = event.button !== 1 && hand.begins?.(event) ? 'draw' : 'move';
    } else {
      if (held === 'draw') hand.cancels?.();
      held = 'move';
      dragged = CLICK_PIXELS;
    }
    fingers.set(event.pointerId, moves.at(event));
  });

  stage.addEventListener('pointermove', (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = moves.at(event);
    const [x, y] = [now[0] - before[0], now[1] - before[1]];
    fingers.set(event.pointerId, now);
    dragged += Math.hypot(x, y);
    if (held === 'draw') { hand.goes?.(event); return; }
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      moves.panBy(x / 2, y / 2);
      moves.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, apart(now) / apart(before));
    } else if (dragged >= CLICK_PIXELS) {
      moves.panBy(x, y);
    }
  });

  stage.addEventListener('pointerup', (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (held === 'draw') hand.ends?.(event);
    else if (dragged < CLICK_PIXELS) hand.taps?.(event);
  });
  stage.addEventListener('pointercancel', (event) => {
    if (fingers.delete(event.pointerId) && held === 'draw') hand.cancels?.();
  });
}
