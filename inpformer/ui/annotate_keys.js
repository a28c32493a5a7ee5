// Keys of the Annotate tab, wherever on it one is; `element` comes from gradio.
const BUTTONS = { a: 'accept', n: 'normal', s: 'skip', j: 'next', k: 'previous' };
const TYPING = 'input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable=true], [role=listbox]';

document.addEventListener('keydown', (event) => {
  if (!element.isConnected || !element.closest('.annotate-tab')?.offsetParent) return;
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (event.repeat || event.target.closest?.(TYPING)) return;
  const button = BUTTONS[event.key.toLowerCase()];
  if (button) {
    document.querySelector(`#annotate-${button}`)?.click();
    event.preventDefault();
    return;
  }
  // The painter's own keys, when nothing else has the focus.
  const stage = document.querySelector('#annotate-painter .painter-stage');
  const isOurs = event.target === document.body && event.key.length === 1 && event.key !== ' ';
  if (!stage || !isOurs) return;
  stage.focus({ preventScroll: true });
  const passed = new KeyboardEvent('keydown', {
    key: event.key, shiftKey: event.shiftKey, bubbles: true, cancelable: true,
  });
  if (!stage.dispatchEvent(passed)) event.preventDefault();
});
