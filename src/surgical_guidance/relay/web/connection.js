// The socket to the relay: reconnects by itself, notices silence by its own timer, and knows the relay's clock.

const SILENCE_MS = 400; // the relay speaks 20 times a second
const GIVE_UP_MS = 2000; // a socket that is silent for so long is replaced
const CHECK_MS = 25;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 500;
const PING_MS = 1000;
const SAMPLES = 8; // pings that the clock is taken from

/**
 * Calls `handlers.hello|state|event|picture` with what comes, and `handlers.link(state)` with 'connecting', 'open' or
 * 'lost' whenever that changes.
 */
export class Connection {
  constructor(handlers) {
    this.handlers = handlers;
    this.link = 'connecting';
    this.refusal = '';
    this.dropped = 0;
    this.heard = performance.now();
    this.retry = FIRST_RETRY_MS;
    this.pings = [];
  }

  start() {
    this.open();
    setInterval(() => this.check(), CHECK_MS);
    setInterval(() => this.ping(), PING_MS);
  }

  /** Now on the relay's monotonic clock [ms]; NaN before the first answer. */
  now() {
    return performance.now() + (this.best()?.offset ?? NaN);
  }

  /** Shortest round trip of the last pings [ms]; NaN before the first answer. */
  roundTrip() {
    return this.best()?.trip ?? NaN;
  }

  /** Time since the relay last said anything [ms]. */
  silence() {
    return performance.now() - this.heard;
  }

  /** Tell the relay that a picture is done with, so that it may send the next. */
  shown(sequence) {
    this.send({ op: 'shown', sequence });
  }

  open() {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    this.socket = socket;
    this.opened = performance.now();
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.ping();
    socket.onmessage = message => this.receive(socket, message.data);
    socket.onclose = event => {
      if (socket === this.socket) this.reopen(event.reason);
    };
  }

  reopen(reason) {
    this.socket = null;
    this.refusal = reason;
    this.pings = [];
    this.setLink(this.link === 'connecting' ? 'connecting' : 'lost');
    setTimeout(() => this.open(), this.retry * (0.8 + 0.2 * Math.random()));
    this.retry = Math.min(2 * this.retry, LAST_RETRY_MS);
  }

  receive(socket, data) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    this.setLink('open');
    if (typeof data !== 'string') {
      this.handlers.picture(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.op === 'pong') this.takePong(message);
    else if (message.op === 'hello') {
      this.retry = FIRST_RETRY_MS;
      this.refusal = '';
      this.handlers.hello(message);
    } else this.handlers[message.op]?.(message);
  }

  check() {
    if (this.silence() > SILENCE_MS && this.link === 'open') this.setLink('lost');
    const stuck = Math.min(this.silence(), performance.now() - this.opened) > GIVE_UP_MS;
    if (this.socket && stuck) {
      this.socket.close();
      this.reopen('');
    }
  }

  ping() {
    this.send({ op: 'ping', at: performance.now() });
  }

  takePong(pong) {
    const now = performance.now();
    const trip = now - pong.at;
    this.pings.push({ trip, offset: pong.now_ms + trip / 2 - now });
    if (this.pings.length > SAMPLES) this.pings.shift();
    this.dropped = pong.dropped;
  }

  /** The ping that took the shortest way: its clock is the truest. */
  best() {
    return this.pings.reduce((best, ping) => (best && best.trip <= ping.trip ? best : ping), undefined);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  setLink(link) {
    if (link === this.link) return;
    this.link = link;
    this.handlers.link(link);
  }
}
