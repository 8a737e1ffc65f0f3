// The live picture: decodes, draws picture and outlines of one frame in one go, and measures how old it is.

import { draw, type Level } from './overlay.js';
import type { OverlayMessage, PictureHeader } from './protocol.js';
import { age } from './video.js';

const MEASURED = 40; // pictures that the delay is taken over
const RATE_MS = 2000; // what the rate is taken over
const OVERLAYS = 32; // of frames of the video that have not been shown yet
const WAIT_MS = 20; // a frame that was here before its outlines waits so long for them: they would flicker
const FLOW_MS = 250; // without outlines for so long, none are waited for

/** Split a binary message: 4 bytes length, JSON header, JPEG. */
export function parse(buffer: ArrayBuffer): { header: PictureHeader; jpeg: Blob } {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as PictureHeader;
  return { header, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: 'image/jpeg' }) };
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

function contextOf(canvas: HTMLCanvasElement, options?: CanvasRenderingContext2DSettings): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', options);
  if (!context) throw new Error('this browser cannot draw');
  return context;
}

/** The elements a picture is drawn into. `inset` shows the live picture while the large one stands. */
export interface Places {
  stage: HTMLElement;
  frame: HTMLElement;
  picture: HTMLCanvasElement;
  overlay: HTMLCanvasElement;
  marks: HTMLCanvasElement;
  inset?: HTMLCanvasElement;
}

export interface Still {
  header: PictureHeader;
  since: number; // [ms] on the page's clock
}

/** What is drawn of the scene of a picture. */
export interface Options {
  level: Level;
  highlight: string;
}

export class PictureView {
  readonly options: Options = { level: 'All', highlight: '' };
  header: PictureHeader | undefined;
  still: Still | null = null;
  private readonly context: CanvasRenderingContext2D;
  private readonly overlayContext: CanvasRenderingContext2D;
  private newest = -Infinity;
  private delays: number[] = [];
  private times: number[] = [];
  private readonly overlays = new Map<number, OverlayMessage>();
  private overlaid = -Infinity; // when outlines last came
  private waiting: { header: PictureHeader; source: VideoFrame; width: number; height: number; timer: number } | undefined;
  private size: { width: number; height: number } | undefined; // of the camera's picture

  /**
   * @param relay gives now() on the clock of the captures, and takes shown(sequence)
   * @param onDrawn gets the header and the classes drawn, after each picture
   * @param onFit is told that the canvases have another size
   */
  constructor(
    private readonly places: Places,
    private readonly relay: { now(): number; shown(sequence: number): void },
    private readonly onDrawn: (header: PictureHeader, classes: string[]) => void,
    private readonly onFit: () => void,
  ) {
    this.context = contextOf(places.picture, { alpha: false });
    this.overlayContext = contextOf(places.overlay);
    new ResizeObserver(() => this.fit()).observe(places.stage);
  }

  /** Forget what was measured: another relay, perhaps another host with another clock. */
  reset(): void {
    this.newest = -Infinity;
    this.delays = [];
    this.times = [];
    this.overlays.clear();
    this.letGo();
  }

  /** Hold the picture, or let it run on; tell whether it stands. */
  freeze(on: boolean): boolean {
    this.still = on && this.header ? { header: this.header, since: performance.now() } : null;
    return this.still !== null;
  }

  async show(buffer: ArrayBuffer): Promise<void> {
    const { header, jpeg } = parse(buffer);
    try {
      const bitmap = await createImageBitmap(jpeg);
      if (header.captured_ms > this.newest) this.put(header, bitmap, bitmap.width, bitmap.height); // decoders overtake
      bitmap.close();
    } finally {
      this.relay.shown(header.sequence ?? 0);
    }
  }

  /** Show a frame of the video with its own overlay, for which it waits a little. */
  frame(source: VideoFrame | HTMLVideoElement, rtp: number, width: number, height: number): void {
    const now = this.relay.now();
    const captured_ms = now - age(rtp, now);
    if (captured_ms <= this.newest) return;
    this.letGo(); // the newest wins
    const header: PictureHeader = { rtp, captured_ms, scene: null, path: [], arrow: [], width, height };
    if (!('clone' in source) || this.overlays.has(rtp) || !this.outlinesFlow()) {
      this.put({ ...header, ...this.size, ...this.overlays.get(rtp) }, source, width, height);
      return;
    }
    this.waiting = { header, source: source.clone(), width, height, timer: window.setTimeout(() => this.waited(), WAIT_MS) };
  }

  /** Whether the overlay of a frame may be expected, and seen. */
  private outlinesFlow(): boolean {
    return !this.still && this.options.level !== 'None' && performance.now() - this.overlaid < FLOW_MS;
  }

  /** Show the frame that waited. */
  private waited(): void {
    const { waiting } = this;
    if (!waiting) return;
    const { header, source, width, height } = waiting;
    this.put({ ...header, ...this.size, ...this.overlays.get(header.rtp ?? NaN) }, source, width, height);
    this.letGo();
  }

  private letGo(): void {
    clearTimeout(this.waiting?.timer);
    this.waiting?.source.close();
    this.waiting = undefined;
  }

  /** Take what is drawn over one frame of the video; its picture may come later, or be shown already. */
  overlay(message: OverlayMessage): void {
    const known = { ...this.overlays.get(message.rtp), ...message };
    if (known.width && known.height) this.size = { width: known.width, height: known.height };
    this.overlays.delete(message.rtp);
    this.overlays.set(message.rtp, known);
    for (const oldest of this.overlays.keys()) {
      if (this.overlays.size <= OVERLAYS) break;
      this.overlays.delete(oldest);
    }
    if (message.scene) this.overlaid = performance.now();
    if (this.waiting?.header.rtp === message.rtp) {
      this.waited();
      return;
    }
    if (this.header?.rtp !== message.rtp) return;
    Object.assign(this.header, known);
    this.redraw();
  }

  private put(header: PictureHeader, source: ImageBitmap | VideoFrame | HTMLVideoElement, width: number, height: number): void {
    this.newest = header.captured_ms;
    this.measure(header);
    if (this.still) {
      this.putInset(source, width, height);
      return;
    }
    const { picture } = this.places;
    this.header = header;
    if (picture.width !== width || picture.height !== height) {
      picture.width = width;
      picture.height = height;
      this.fit();
    }
    this.context.drawImage(source, 0, 0, width, height);
    this.redraw();
  }

  private putInset(source: ImageBitmap | VideoFrame | HTMLVideoElement, width: number, height: number): void {
    const { inset } = this.places;
    if (!inset) return;
    const fitting = Math.round((inset.width * height) / width);
    if (inset.height !== fitting) inset.height = fitting;
    contextOf(inset, { alpha: false }).drawImage(source, 0, 0, inset.width, inset.height);
  }

  /** Draw the outlines of the picture shown once more, for other options. */
  redraw(): void {
    if (this.header) this.onDrawn(this.header, draw(this.overlayContext, this.header, this.options));
  }

  /** How large the picture is, and how large the camera's own; undefined before the first. */
  sizes(): { shown: [number, number]; camera: [number, number] } | undefined {
    const { picture } = this.places;
    return this.header && { shown: [picture.width, picture.height], camera: [this.header.width, this.header.height] };
  }

  /** Median delay from capture to drawn [ms]; NaN while unknown. */
  delay(): number {
    return median(this.delays);
  }

  /** Pictures a second, lately. */
  rate(): number {
    const recent = this.times.filter(time => time > performance.now() - RATE_MS);
    const span = (recent.at(-1) ?? 0) - (recent[0] ?? 0);
    return span > 0 ? (1000 * (recent.length - 1)) / span : 0;
  }

  private measure(header: PictureHeader): void {
    const delay = this.relay.now() - header.captured_ms;
    if (Number.isFinite(delay)) this.delays.push(delay);
    if (this.delays.length > MEASURED) this.delays.shift();
    const now = performance.now();
    this.times = [...this.times.filter(time => time > now - RATE_MS), now];
  }

  private fit(): void {
    if (!this.header) return;
    const { stage, frame, overlay, marks } = this.places;
    const scale = Math.min(stage.clientWidth / this.header.width, stage.clientHeight / this.header.height);
    const width = Math.round(this.header.width * scale);
    const height = Math.round(this.header.height * scale);
    frame.style.width = `${width}px`;
    frame.style.height = `${height}px`;
    for (const canvas of [overlay, marks]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    this.redraw();
    this.onFit();
  }
}
