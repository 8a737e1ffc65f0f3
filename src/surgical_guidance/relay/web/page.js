// Small helpers to write to the page without touching what has not changed.

export const byId = id => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** Make an element: make('li', { class: 'event' }, child, 'text'). */
export function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Rebuild the children of an element when what they are made from has changed; tell whether it did. */
export function rebuild(element, from, build) {
  const key = JSON.stringify(from);
  if (element.madeFrom === key) return false;
  element.madeFrom = key;
  element.replaceChildren(...build());
  return true;
}

/** Seconds for people: tenths while they are few. */
export const seconds = ms => (ms < 9950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)));
