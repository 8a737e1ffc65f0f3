// The live picture: decodes, draws picture and outlines of one frame in one go, and measures how old it is.

import { draw } from './overlay.js';
import { age } from './video.js';

const MEASURED = 40; // pictures that the delay is taken over
const RATE_MS = 2000; // what the rate is taken over
const OVERLAYS = 32; // of frames of the video that have not been shown yet

/** Split a binary message: 4 bytes length, JSON header, JPEG. */
export function parse(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: 'image/jpeg' }) };
}

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];

export class PictureView {
  /**
   * @param stage element that the frame fits into
   * @param relay gives now() on the clock of the captures, and takes shown(sequence)
   * @param onDrawn gets the header and the classes drawn, after each picture
   */
  constructor({ stage, frame, picture, overlay }, relay, onDrawn) {
    Object.assign(this, { stage, frame, picture, overlay, relay, onDrawn });
    this.context = picture.getContext('2d', { alpha: false });
    this.overlayContext = overlay.getContext('2d');
    this.options = { level: 'All', highlight: '' };
    this.reset();
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  /** Forget what was measured: another relay, perhaps another host with another clock. */
  reset() {
    this.newest = -Infinity;
    this.delays = [];
    this.times = [];
    this.overlays = new Map();
  }

  async show(buffer) {
    const { header, jpeg } = parse(buffer);
    try {
      const bitmap = await createImageBitmap(jpeg);
      if (header.captured_ms > this.newest) this.put(header, bitmap); // a decoder may overtake another
      bitmap.close();
    } finally {
      this.relay.shown(header.sequence);
    }
  }

  /** Show a frame of the video, with its own overlay if that is here already. */
  showFrame(source, rtp, width, height) {
    const captured_ms = this.relay.now() - age(rtp, this.relay.now());
    if (captured_ms <= this.newest) return;
    const bare = { rtp, captured_ms, scene: null, path: [], width: this.size?.width ?? width, height: this.size?.height ?? height };
    this.paint({ ...bare, ...this.overlays.get(rtp) }, source, width, height);
  }

  /** Take what is drawn over one frame of the video; its picture may come later, or be shown already. */
  takeOverlay(message) {
    const known = { ...this.overlays.get(message.rtp), ...message };
    if (known.width) this.size = { width: known.width, height: known.height };
    this.overlays.delete(message.rtp);
    this.overlays.set(message.rtp, known);
    if (this.overlays.size > OVERLAYS) this.overlays.delete(this.overlays.keys().next().value);
    if (this.header?.rtp !== message.rtp) return;
    Object.assign(this.header, known);
    this.redraw();
  }

  put(header, bitmap) {
    this.paint(header, bitmap, bitmap.width, bitmap.height);
  }

  paint(header, source, width, height) {
    this.newest = header.captured_ms;
    this.header = header;
    if (this.picture.width !== width || this.picture.height !== height) {
      this.picture.width = width;
      this.picture.height = height;
      this.fit();
    }
    this.context.drawImage(source, 0, 0, width, height);
    this.redraw();
    this.measure(header);
  }

  /** Draw the outlines of the picture shown once more, for other options. */
  redraw() {
    if (this.header) this.onDrawn(this.header, draw(this.overlayContext, this.header, this.options));
  }

  /** Median delay from capture to drawn [ms]; NaN while unknown. */
  delay() {
    return this.delays.length ? median(this.delays) : NaN;
  }

  /** Pictures a second, lately. */
  rate() {
    const recent = this.times.filter(time => time > performance.now() - RATE_MS);
    const span = recent.at(-1) - recent[0];
    return span > 0 ? (1000 * (recent.length - 1)) / span : 0;
  }

  measure(header) {
    const delay = this.relay.now() - header.captured_ms;
    if (Number.isFinite(delay)) this.delays.push(delay);
    if (this.delays.length > MEASURED) this.delays.shift();
    const now = performance.now();
    this.times = [...this.times.filter(time => time > now - RATE_MS), now];
  }

  fit() {
    if (!this.header) return;
    const { clientWidth, clientHeight } = this.stage;
    const scale = Math.min(clientWidth / this.header.width, clientHeight / this.header.height);
    const width = Math.round(this.header.width * scale);
    const height = Math.round(this.header.height * scale);
    this.frame.style.width = `${width}px`;
    this.frame.style.height = `${height}px`;
    this.overlay.width = Math.round(width * devicePixelRatio);
    this.overlay.height = Math.round(height * devicePixelRatio);
    this.redraw();
  }
}
