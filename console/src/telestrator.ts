// The expert's hand: what pointer, pen, finger and keys draw, on the live picture or on a still.

import type { Mark, Marks } from './marks.js';
import { byId, setData, setText } from './page.js';
import type { MarkKind } from './protocol.js';
import { words } from './words.js';

export const TOOLS = ['freehand', 'arrow', 'circle', 'text', 'pointer'] as const;
export type Tool = (typeof TOOLS)[number];

const COLOURS = ['#ffffff', '#3dff8b', '#ff5cf4', '#6f9bff']; // none that is an alarm's
const LIFETIMES = [5, 10, 30, 120]; // [s]
const SEND_MS = 30; // a stroke under way is sent again this often
const POINTER_LIFE_S = 1.5;
const MAX_POINTS = 256;
const NEAR = 0.002; // share of the width: points closer than this add nothing
const STEP = 0.01; // of the arrow keys
const PALM_MS = 1000; // touches this soon after the pen are the hand that holds it

type Point = [number, number];

interface Drawing {
  kind: MarkKind;
  id: string;
  frame: { frame_sequence?: number; captured_ms: number };
  points: number[];
  text: string;
  color: string;
  lifetime_s: number;
}

/** What this needs of the page around it. */
export interface Surroundings {
  /** The frame that is on the screen now, and how old it is [ms]; undefined before the first. */
  frame(): { sequence?: number; captured: number; behind: number } | undefined;
  /** Say something to the relay; false where there is no way. */
  send(message: { op: string } & Record<string, unknown>): boolean;
  /** Tell the person that a mark did not go out. */
  unsent(): void;
}

export class Telestrator {
  tool: Tool | '' = '';
  private color = COLOURS[0] ?? '#ffffff';
  private lifetime = 10; // [s]
  private count = 0;
  private stroke: Drawing | null = null;
  private sent = 0;
  private later: ReturnType<typeof setTimeout> | undefined;
  private pen = -Infinity;
  private cursor: Point = [0.5, 0.5];
  private textAt: Point = [0.5, 0.5];
  private readonly prefix = Math.random().toString(36).slice(2, 8);
  private readonly canvas = byId<HTMLCanvasElement>('marks');
  private readonly cross = byId('crosshair');
  private readonly input = byId<HTMLInputElement>('mark-text');

  constructor(private readonly marks: Marks, private readonly around: Surroundings) {
    const { canvas } = this;
    canvas.addEventListener('pointerdown', event => this.onDown(event));
    canvas.addEventListener('pointermove', event => this.onMove(event));
    canvas.addEventListener('pointerup', () => this.end());
    canvas.addEventListener('pointercancel', () => this.end());
    canvas.addEventListener('keydown', event => this.onKey(event));
    canvas.addEventListener('blur', () => { this.cross.hidden = true; });
    this.input.addEventListener('keydown', event => this.onText(event));
    this.input.addEventListener('blur', () => { this.input.hidden = true; });
    for (const tool of TOOLS) byId(`tool-${tool}`).addEventListener('click', () => this.choose(tool));
    COLOURS.forEach((_, index) => byId(`color-${index + 1}`).addEventListener('click', () => this.paint(index)));
    byId('undo').addEventListener('click', () => this.undo());
    byId('clear').addEventListener('click', () => this.clear());
    byId('lifetime').addEventListener('click', () => this.nextLifetime());
    this.paint(0);
    this.showLifetime();
    roving(byId('tools'));
  }

  /** Take a tool in hand; the same once more lays it down. */
  choose(tool: Tool | ''): void {
    this.end();
    this.tool = tool === this.tool ? '' : tool;
    for (const name of TOOLS) byId(`tool-${name}`).setAttribute('aria-pressed', String(name === this.tool));
    setData(this.canvas, 'tool', this.tool);
    this.canvas.tabIndex = this.tool ? 0 : -1;
    this.cross.hidden = true;
    if (this.tool) this.canvas.focus({ preventScroll: true });
  }

  paint(index: number): void {
    this.color = COLOURS[index] ?? this.color;
    COLOURS.forEach((color, i) => byId(`color-${i + 1}`).setAttribute('aria-pressed', String(color === this.color)));
  }

  private nextLifetime(): void {
    this.lifetime = LIFETIMES[(LIFETIMES.indexOf(this.lifetime) + 1) % LIFETIMES.length] ?? this.lifetime;
    this.showLifetime();
  }

  private showLifetime(): void {
    setText(byId('lifetime-word'), `${this.lifetime} s`);
  }

  undo(): void {
    const id = this.marks.newest();
    if (id === undefined) return;
    this.marks.remove(id);
    this.say({ op: 'annotate', kind: 'freehand', id, ...this.where() });
  }

  clear(everybody = false): void {
    this.say({ op: 'annotate', kind: 'clear', ...(everybody ? { everybody } : {}) });
  }

  /** The frame that is drawn on, as the relay is told of it. */
  private where(): { frame_sequence?: number; captured_ms: number } | undefined {
    const frame = this.around.frame();
    if (!frame) return undefined;
    const captured_ms = Math.max(0, Math.round(frame.captured * 1000) / 1000);
    return frame.sequence === undefined ? { captured_ms } : { frame_sequence: frame.sequence, captured_ms };
  }

  private say(message: { op: string } & Record<string, unknown>): void {
    if (!this.around.send(message)) this.around.unsent();
  }

  private onDown(event: PointerEvent): void {
    if (!this.tool || event.button !== 0 || !event.isPrimary) return;
    if (event.pointerType === 'pen') this.pen = performance.now();
    if (event.pointerType === 'touch' && performance.now() - this.pen < PALM_MS) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.cross.hidden = true;
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch { /* a pointer that is gone already: nothing to hold on to */ }
    this.begin(this.place(event));
  }

  private onMove(event: PointerEvent): void {
    if (event.pointerType === 'pen') this.pen = performance.now();
    if (this.tool === 'pointer' && !this.stroke && event.pointerType === 'mouse' && this.around.frame()) this.begin(this.place(event));
    if (!this.stroke) return;
    const passed = event.getCoalescedEvents();
    for (const one of passed.length ? passed : [event]) this.move(this.place(one));
  }

  private place(event: PointerEvent): Point {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [share((event.clientX - left) / width), share((event.clientY - top) / height)];
  }

  private begin([x, y]: Point): void {
    const frame = this.where();
    if (!frame || !this.tool) return;
    if (this.tool === 'text') {
      this.ask([x, y]);
      return;
    }
    this.stroke = {
      kind: this.tool,
      id: this.tool === 'pointer' ? `${this.prefix}-pointer` : `${this.prefix}-${(this.count += 1)}`,
      frame,
      points: this.tool === 'freehand' || this.tool === 'pointer' ? [x, y] : [x, y, x, y],
      text: '',
      color: this.color,
      lifetime_s: this.tool === 'pointer' ? POINTER_LIFE_S : this.lifetime,
    };
    this.flush();
  }

  private move([x, y]: Point): void {
    const { stroke } = this;
    if (!stroke) return;
    if (stroke.kind === 'freehand') {
      const [lastX = 0, lastY = 0] = stroke.points.slice(-2);
      if (Math.hypot(x - lastX, y - lastY) < NEAR) return;
      stroke.points.push(x, y);
      if (stroke.points.length > 2 * MAX_POINTS) stroke.points = thinned(stroke.points);
    } else if (stroke.kind === 'pointer') {
      stroke.points = [x, y];
      stroke.frame = this.where() ?? stroke.frame;
    } else stroke.points.splice(2, 2, x, y);
    this.show(stroke);
    const due = this.sent + SEND_MS - performance.now();
    if (due <= 0) this.flush();
    else this.later ??= setTimeout(() => this.flush(), due);
  }

  private end(): void {
    if (!this.stroke) return;
    this.flush();
    this.stroke = null;
  }

  /** Send and show the stroke as it is now. */
  private flush(): void {
    clearTimeout(this.later);
    this.later = undefined;
    const { stroke } = this;
    if (!stroke) return;
    const { frame, points, ...rest } = stroke;
    this.say({ op: 'annotate', ...rest, ...frame, points: points.map(value => Math.round(value * 1e4) / 1e4) });
    this.sent = performance.now();
    this.show(stroke);
  }

  private show(drawing: Drawing): void {
    const { id, kind, points, text, color, lifetime_s: life } = drawing;
    const mark: Mark = {
      id, kind, points: [...points], text, color, author: '',
      behind: this.around.frame()?.behind ?? 0,
      until: performance.now() + 1000 * life,
    };
    this.marks.put(mark);
  }

  /** Ask for the text of a mark, where it shall stand. */
  private ask([x, y]: Point): void {
    this.textAt = [x, y];
    const { input } = this;
    input.value = '';
    input.placeholder = words().typeHere;
    input.style.left = `${100 * Math.min(x, 0.75)}%`;
    input.style.top = `${100 * y}%`;
    input.hidden = false;
    setTimeout(() => input.focus({ preventScroll: true })); // after the pointer's own change of focus
  }

  private onText(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    const text = this.input.value.trim();
    const frame = this.where();
    this.input.hidden = true;
    this.canvas.focus({ preventScroll: true });
    if (event.key === 'Escape' || !text || !frame) return;
    this.stroke = {
      kind: 'text', id: `${this.prefix}-${(this.count += 1)}`, frame,
      points: [...this.textAt], text, color: this.color, lifetime_s: this.lifetime,
    };
    this.end();
  }

  /** Arrow keys move a cross hair, Enter sets the pen down and lifts it. */
  private onKey(event: KeyboardEvent): void {
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves: Record<string, Point> = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const by = moves[event.key];
    if (!this.tool || (!by && event.key !== 'Enter')) return;
    event.preventDefault();
    event.stopPropagation();
    this.cross.hidden = false;
    if (by) {
      this.cursor = [share(this.cursor[0] + by[0]), share(this.cursor[1] + by[1])];
      if (this.tool === 'pointer' && !this.stroke) this.begin(this.cursor);
      this.move(this.cursor);
    } else if (this.stroke) this.end();
    else this.begin(this.cursor);
    this.cross.style.left = `${100 * this.cursor[0]}%`;
    this.cross.style.top = `${100 * this.cursor[1]}%`;
  }
}

const share = (value: number): number => Math.min(1, Math.max(0, value));

/** Every second point of a stroke, and its end. */
function thinned(points: number[]): number[] {
  const kept = points.filter((_, index) => index % 4 < 2);
  return [...kept, ...points.slice(-2)];
}

/** One stop for the Tab key, arrow keys within: the toolbar pattern of the ARIA authoring practices. */
function roving(toolbar: HTMLElement): void {
  const buttons = [...toolbar.querySelectorAll('button')];
  const enter = (index: number): void => buttons.forEach((button, i) => { button.tabIndex = i === index ? 0 : -1; });
  enter(0);
  toolbar.addEventListener('focusin', event => enter(buttons.indexOf(event.target as HTMLButtonElement)));
  toolbar.addEventListener('keydown', event => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    buttons[(buttons.indexOf(event.target as HTMLButtonElement) + by + buttons.length) % buttons.length]?.focus();
  });
}
