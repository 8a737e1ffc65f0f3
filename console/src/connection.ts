// The socket to the relay: reconnects by itself, notices silence by its own timer, and knows the relay's clock.

import type { 
  Answered, Hello, Link, MarkMessage, OverlayMessage, Participant, Pong, Refused, Speaker, State, TimelineEvent, VideoMessage,
} from './protocol.js';

const SILENCE_MS = 400; // the relay speaks 20 times a second
const GIVE_UP_MS = 2000; // a socket that is silent for so long is replaced
const CHECK_MS = 25;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 500;
const PING_MS = 1000;
const SAMPLES = 8; // pings that the clock is taken from

export interface Handlers {
  hello(message: Hello): void;
  state(message: State): void;
  event(message: TimelineEvent): void;
  mark(message: MarkMessage): void;
  answered(message: Answered): void;
  refused(message: Refused): void;
  participants(message: { participants: Participant[] }): void;
  renewed(message: { token_expires_in: number | null }): void;
  ended(message: { names: string[] }): void;
  overlay(message: OverlayMessage): void;
  speaking(message: { who: Speaker[] }): void;
  'video.offer'(message: VideoMessage): void;
  'video.failed'(message: VideoMessage): void;
  picture(data: ArrayBuffer): void;
  link(link: Link): void;
  closed(code: number, reason: string): void;
}

type Message = { op: string } & Record<string, unknown>;

/** Calls the handler of each message, and `link` whenever the state of the connection changes. */
export class Connection {
  link: Link = 'connecting';
  refusal = '';
  dropped = 0;
  private socket: WebSocket | null = null;
  private heard = performance.now();
  private opened = performance.now();
  private retry = FIRST_RETRY_MS;
  private halted = false;
  private pings: { trip: number; offset: number }[] = [];

  /** @param address gives where to connect to, or null when nobody may (yet) */
  constructor(private readonly handlers: Handlers, private readonly address: () => Promise<string | null>) {}

  /** Connect no more until asked to. */
  halt(): void {
    this.halted = true;
  }

  /** Connect again, after a halt. */
  resume(): void {
    if (!this.halted) return;
    this.halted = false;
    void this.open();
  }

  start(): void {
    void this.open();
    setInterval(() => this.check(), CHECK_MS);
    setInterval(() => this.ping(), PING_MS);
  }

  /** Now on the relay's monotonic clock [ms]; NaN before the first answer. */
  now(): number {
    return performance.now() + (this.best()?.offset ?? NaN);
  }

  /** Shortest round trip of the last pings [ms]; NaN before the first answer. */
  roundTrip(): number {
    return this.best()?.trip ?? NaN;
  }

  /** Time since the relay last said anything [ms]. */
  silence(): number {
    return performance.now() - this.heard;
  }

  /** Tell the relay that a picture is done with, so that it may send the next. */
  shown(sequence: number): void {
    this.send({ op: 'shown', sequence });
  }

  /** Say something to the relay; tells whether there was a way. */
  send(message: Message): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private async open(): Promise<void> {
    const address = await this.address();
    if (this.halted) return;
    if (address === null) {
      this.again();
      return;
    }
    const socket = new WebSocket(address);
    this.socket = socket;
    this.opened = performance.now();
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.ping();
    socket.onmessage = message => this.receive(socket, message.data);
    socket.onclose = event => {
      if (socket !== this.socket) return;
      this.handlers.closed(event.code, event.reason);
      this.reopen(event.reason);
    };
  }

  private reopen(reason: string): void {
    this.socket = null;
    this.refusal = reason;
    this.pings = [];
    this.setLink(this.link === 'connecting' ? 'connecting' : 'lost');
    this.again();
  }

  private again(): void {
    if (this.halted) return;
    setTimeout(() => void this.open(), this.retry * (0.8 + 0.2 * Math.random()));
    this.retry = Math.min(2 * this.retry, LAST_RETRY_MS);
  }

  private receive(socket: WebSocket, data: string | ArrayBuffer): void {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    this.setLink('open');
    if (typeof data !== 'string') {
      this.handlers.picture(data);
      return;
    }
    const { op, ...message } = JSON.parse(data) as Message;
    if (op === 'pong') this.takePong(message as unknown as Pong);
    else if (op === 'hello') {
      this.retry = FIRST_RETRY_MS;
      this.refusal = '';
      this.handlers.hello(message as unknown as Hello);
    } else if (op in this.handlers) (this.handlers as unknown as Record<string, (message: unknown) => void>)[op]?.(message);
  }

  private check(): void {
    if (this.silence() > SILENCE_MS && this.link === 'open') this.setLink('lost');
    const stuck = Math.min(this.silence(), performance.now() - this.opened) > GIVE_UP_MS;
    if (this.socket && stuck) {
      const { socket } = this;
      this.reopen('');
      socket.close();
    }
  }

  private ping(): void {
    const trip = this.roundTrip();
    this.send({ op: 'ping', at: performance.now(), ...(Number.isFinite(trip) ? { trip } : {}) });
  }

  private takePong(pong: Pong): void {
    const now = performance.now();
    const trip = now - pong.at;
    this.pings.push({ trip, offset: pong.now_ms + trip / 2 - now });
    if (this.pings.length > SAMPLES) this.pings.shift();
    this.dropped = pong.dropped;
  }

  /** The ping that took the shortest way: its clock is the truest. */
  private best(): { trip: number; offset: number } | undefined {
    return this.pings.reduce<{ trip: number; offset: number } | undefined>(
      (best, ping) => (best && best.trip <= ping.trip ? best : ping), undefined);
  }

  private setLink(link: Link): void {
    if (link === this.link) return;
    this.link = link;
    this.handlers.link(link);
  }
}
