// Small helpers to write to the page without touching what has not changed.

/** An element that the page must have. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element ${id}`);
  return element as T;
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setData(element: HTMLElement, name: string, value: string): void {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** Make an element: make('li', { class: 'event' }, child, 'text'). */
export function make(name: string, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const madeFrom = new WeakMap<Element, string>();

/** Rebuild the children of an element when what they are made from has changed; tell whether it did. */
export function rebuild(element: Element, from: unknown, build: () => (Node | string)[]): boolean {
  const key = JSON.stringify(from);
  if (madeFrom.get(element) === key) return false;
  madeFrom.set(element, key);
  element.replaceChildren(...build());
  return true;
}

/** Seconds for people: tenths while they are few. */
export const seconds = (ms: number): string => (ms < 9950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)));

let fading: ReturnType<typeof setTimeout> | undefined;

/** Say something for a few seconds. */
export function tell(text: string): void {
  const toast = byId('toast');
  setText(toast, text);
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { toast.hidden = true; }, 4000);
}
