// Marks that people drew: which stand, and how they look. Places are shares of the picture's width and height.

import { headAt, stroke } from './overlay.js';
import { seconds } from './page.js';
import type { MarkKind, MarkMessage } from './protocol.js';
import { words } from './words.js';

const FADING_MS = 2000; // the last of a mark's life
const STILL_MS = 1000; // a frame that was older when the mark came was a still

export interface Mark {
  id: string;
  author: string; // '' while the relay has not said whose it is: mine, a moment ago
  kind: MarkKind;
  points: number[];
  text: string;
  color: string;
  behind: number; // age of its frame when it came [ms]
  until: number; // on the page's clock [ms]
}

/** All marks that stand on this page: those the relay tells of, and one's own from the very moment they are drawn. */
export class Marks {
  private readonly marks = new Map<string, Mark>();
  private readonly mine = new Map<string, boolean>(); // id -> whether the relay has it
  private fading = 0; // the animation frame that is asked for
  private later: ReturnType<typeof setTimeout> | undefined;

  /** @param canvas where they are drawn; @param me gives the name that one's own marks have */
  constructor(private readonly canvas: HTMLCanvasElement, private readonly me: () => string) {}

  /** Take what the relay says about a mark. */
  take(message: MarkMessage): void {
    const { id, author, kind } = message;
    if (kind === 'clear') {
      if (id) this.forget(id, author);
      else this.clear(author);
    } else if (this.mine.has(id)) { // it is here already, and perhaps drawn on since
      this.mine.set(id, true);
      const mark = this.marks.get(id);
      if (mark) mark.author = author;
    } else {
      this.marks.set(`${author}/${id}`, {
        id, author, kind,
        points: message.points ?? [],
        text: message.text ?? '',
        color: message.color ?? '#ffffff',
        behind: message.behind_ms ?? 0,
        until: performance.now() + (message.remaining_ms ?? Infinity),
      });
    }
    this.draw();
  }

  /** Begin anew with what stands, after a (re)connection. One's own marks of before are the relay's now. */
  reset(messages: MarkMessage[]): void {
    this.marks.clear();
    this.mine.clear();
    messages.forEach(message => this.take(message));
    this.draw();
  }

  /** Show one's own mark at once. */
  put(mark: Mark): void {
    if (!this.mine.has(mark.id)) this.mine.set(mark.id, false);
    this.marks.set(mark.id, mark);
    this.draw();
  }

  /** Take one's own mark away. */
  remove(id: string): void {
    this.marks.delete(id);
    this.draw();
  }

  /** Take away what the relay did not take. */
  refuse(): void {
    for (const [id, has] of this.mine) if (!has) this.marks.delete(id);
    this.draw();
  }

  /** The id of one's own newest mark that stands. */
  newest(): string | undefined {
    return [...this.marks.values()].filter(mark => this.mine.has(mark.id) && mark.kind !== 'pointer').at(-1)?.id;
  }

  get size(): number {
    return this.marks.size;
  }

  /** Draw now, again when the first begins to fade, and then with every frame of the screen. */
  draw(): void {
    this.paint();
    clearTimeout(this.later);
    cancelAnimationFrame(this.fading);
    const wait = Math.min(...[...this.marks.values()].map(mark => mark.until)) - FADING_MS - performance.now();
    if (wait <= 0) this.fading = requestAnimationFrame(() => this.draw());
    else if (wait < Infinity) this.later = setTimeout(() => this.draw(), wait);
  }

  private forget(id: string, author: string): void {
    if (this.mine.has(id)) this.marks.delete(id);
    this.marks.delete(`${author}/${id}`);
  }

  private clear(author: string): void {
    for (const [key, mark] of this.marks) if (mark.author === author) this.marks.delete(key);
  }

  private paint(): void {
    const now = performance.now();
    const { canvas } = this;
    const context = canvas.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const [key, mark] of this.marks) {
      const left = mark.until - now;
      if (left <= 0) this.marks.delete(key);
      else drawMark(context, mark, Math.min(1, left / FADING_MS), mark.author || this.me());
    }
  }
}

function drawMark(context: CanvasRenderingContext2D, mark: Mark, strength: number, author: string): void {
  const { width, height } = context.canvas;
  const unit = width / 960;
  const at = (index: number): [number, number] =>
    [(mark.points[2 * index] ?? 0) * width, (mark.points[2 * index + 1] ?? 0) * height];
  const [x, y] = at(0);
  const still = mark.behind > STILL_MS;
  context.lineCap = context.lineJoin = 'round';
  if (still) context.setLineDash([12 * unit, 12 * unit]);
  let [labelX, labelY] = [x, y];
  if (mark.kind === 'freehand') {
    const line = new Path2D();
    line.moveTo(x, y);
    line.lineTo(x + 0.01, y); // a dot is a line too
    for (let i = 1; i < mark.points.length / 2; i += 1) line.lineTo(...at(i));
    stroke(context, line, mark.color, 3.4 * unit, strength);
    [labelX, labelY] = at(mark.points.length / 2 - 1);
  } else if (mark.kind === 'arrow') {
    const [toX, toY] = at(1);
    const line = new Path2D();
    line.moveTo(x, y);
    line.lineTo(toX, toY);
    stroke(context, line, mark.color, 3.4 * unit, strength);
    context.setLineDash([]);
    stroke(context, headAt(x, y, toX, toY, 20 * unit), mark.color, 3.4 * unit, strength);
  } else if (mark.kind === 'circle') {
    const [rimX, rimY] = at(1);
    const radius = Math.hypot(rimX - x, rimY - y);
    const ring = new Path2D();
    ring.arc(x, y, radius, 0, 2 * Math.PI);
    stroke(context, ring, mark.color, 3.4 * unit, strength);
    labelX += radius * 0.72;
    labelY += radius * 0.72;
  } else if (mark.kind === 'pointer') {
    const dot = new Path2D();
    dot.arc(x, y, 9 * unit, 0, 2 * Math.PI);
    dot.moveTo(x + 2 * unit, y);
    dot.arc(x, y, 2 * unit, 0, 2 * Math.PI);
    stroke(context, dot, mark.color, 3 * unit, strength);
  }
  context.setLineDash([]);
  context.globalAlpha = strength;
  if (mark.kind === 'text') write(context, mark.text, x, y, mark.color, 22 * unit, 650);
  const name = still ? `${author} · ${words().onStill(seconds(mark.behind))}` : author;
  const below = mark.kind === 'text' ? 24 * unit : 0;
  if (name) write(context, name, mark.kind === 'text' ? x : labelX + 10 * unit, labelY + below, mark.color, 13 * unit, 600);
  context.globalAlpha = 1;
}

/** Write a line on a dark ground, inside the picture. (x, y): its left end, at half its height. */
function write(
  context: CanvasRenderingContext2D, text: string, x: number, y: number, color: string, size: number, weight: number,
): void {
  const { width, height } = context.canvas;
  context.font = `${weight} ${size}px system-ui, 'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif`;
  context.textBaseline = 'middle';
  const wide = context.measureText(text).width + 0.6 * size;
  const left = Math.max(0, Math.min(x, width - wide));
  const middle = Math.max(0.7 * size, Math.min(y, height - 0.7 * size));
  context.fillStyle = 'rgba(4, 8, 12, 0.78)';
  context.beginPath();
  context.roundRect(left, middle - 0.7 * size, wide, 1.4 * size, 0.25 * size);
  context.fill();
  context.fillStyle = color;
  context.fillText(text, left + 0.3 * size, middle + 0.05 * size);
}
