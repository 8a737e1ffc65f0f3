// Made by `npm run build` in console/, from sources 0d6a74b3082c0eca8f2df107ac5b4833547460e0dd6a66e341daf4fe1e4e4206. Edit those.
import {
  Room,
  Timeline,
  byId,
  onKeys,
  renderSignal,
  renderView,
  seconds,
  setData,
  setText,
  tell,
  words
} from "./shared.js";

// src/telestrator.ts
var TOOLS = ["freehand", "arrow", "circle", "text", "pointer"];
var COLOURS = ["#ffffff", "#3dff8b", "#ff5cf4", "#6f9bff"];
var LIFETIMES = [5, 10, 30, 120];
var SEND_MS = 30;
var POINTER_LIFE_S = 1.5;
var MAX_POINTS = 256;
var NEAR = 2e-3;
var STEP = 0.01;
var PALM_MS = 1e3;
var Telestrator = class {
  constructor(marks, around) {
    this.marks = marks;
    this.around = around;
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    canvas.addEventListener("pointerup", () => this.end());
    canvas.addEventListener("pointercancel", () => this.end());
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("blur", () => {
      this.cross.hidden = true;
    });
    this.input.addEventListener("keydown", (event) => this.onText(event));
    this.input.addEventListener("blur", () => {
      this.input.hidden = true;
    });
    for (const tool of TOOLS) byId(`tool-${tool}`).addEventListener("click", () => this.choose(tool));
    COLOURS.forEach((_, index) => byId(`color-${index + 1}`).addEventListener("click", () => this.paint(index)));
    byId("undo").addEventListener("click", () => this.undo());
    byId("clear").addEventListener("click", () => this.clear());
    byId("lifetime").addEventListener("click", () => this.nextLifetime());
    this.paint(0);
    this.showLifetime();
    roving(byId("tools"));
  }
  marks;
  around;
  tool = "";
  color = COLOURS[0] ?? "#ffffff";
  lifetime = 10;
  // [s]
  count = 0;
  stroke = null;
  sent = 0;
  later;
  pen = -Infinity;
  cursor = [0.5, 0.5];
  textAt = [0.5, 0.5];
  prefix = Math.random().toString(36).slice(2, 8);
  canvas = byId("marks");
  cross = byId("crosshair");
  input = byId("mark-text");
  /** Take a tool in hand; the same once more lays it down. */
  choose(tool) {
    this.end();
    this.tool = tool === this.tool ? "" : tool;
    for (const name of TOOLS) byId(`tool-${name}`).setAttribute("aria-pressed", String(name === this.tool));
    setData(this.canvas, "tool", this.tool);
    this.canvas.tabIndex = this.tool ? 0 : -1;
    this.cross.hidden = true;
    if (this.tool) this.canvas.focus({ preventScroll: true });
  }
  paint(index) {
    this.color = COLOURS[index] ?? this.color;
    COLOURS.forEach((color, i) => byId(`color-${i + 1}`).setAttribute("aria-pressed", String(color === this.color)));
  }
  nextLifetime() {
    this.lifetime = LIFETIMES[(LIFETIMES.indexOf(this.lifetime) + 1) % LIFETIMES.length] ?? this.lifetime;
    this.showLifetime();
  }
  showLifetime() {
    setText(byId("lifetime-word"), `${this.lifetime} s`);
  }
  undo() {
    const id = this.marks.newest();
    if (id === void 0) return;
    this.marks.remove(id);
    this.say({ op: "annotate", kind: "freehand", id, ...this.where() });
  }
  clear(everybody = false) {
    this.say({ op: "annotate", kind: "clear", ...everybody ? { everybody } : {} });
  }
  /** The frame that is drawn on, as the relay is told of it. */
  where() {
    const frame = this.around.frame();
    if (!frame) return void 0;
    const captured_ms = Math.max(0, Math.round(frame.captured * 1e3) / 1e3);
    return frame.sequence === void 0 ? { captured_ms } : { frame_sequence: frame.sequence, captured_ms };
  }
  say(message) {
    if (!this.around.send(message)) this.around.unsent();
  }
  onDown(event) {
    if (!this.tool || event.button !== 0 || !event.isPrimary) return;
    if (event.pointerType === "pen") this.pen = performance.now();
    if (event.pointerType === "touch" && performance.now() - this.pen < PALM_MS) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.cross.hidden = true;
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
    }
    this.begin(this.place(event));
  }
  onMove(event) {
    if (event.pointerType === "pen") this.pen = performance.now();
    if (this.tool === "pointer" && !this.stroke && event.pointerType === "mouse" && this.around.frame()) this.begin(this.place(event));
    if (!this.stroke) return;
    const passed = event.getCoalescedEvents();
    for (const one of passed.length ? passed : [event]) this.move(this.place(one));
  }
  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [share((event.clientX - left) / width), share((event.clientY - top) / height)];
  }
  begin([x, y]) {
    const frame = this.where();
    if (!frame || !this.tool) return;
    if (this.tool === "text") {
      this.ask([x, y]);
      return;
    }
    this.stroke = {
      kind: this.tool,
      id: this.tool === "pointer" ? `${this.prefix}-pointer` : `${this.prefix}-${this.count += 1}`,
      frame,
      points: this.tool === "freehand" || this.tool === "pointer" ? [x, y] : [x, y, x, y],
      text: "",
      color: this.color,
      lifetime_s: this.tool === "pointer" ? POINTER_LIFE_S : this.lifetime
    };
    this.flush();
  }
  move([x, y]) {
    const { stroke } = this;
    if (!stroke) return;
    if (stroke.kind === "freehand") {
      const [lastX = 0, lastY = 0] = stroke.points.slice(-2);
      if (Math.hypot(x - lastX, y - lastY) < NEAR) return;
      stroke.points.push(x, y);
      if (stroke.points.length > 2 * MAX_POINTS) stroke.points = thinned(stroke.points);
    } else if (stroke.kind === "pointer") {
      stroke.points = [x, y];
      stroke.frame = this.where() ?? stroke.frame;
    } else stroke.points.splice(2, 2, x, y);
    this.show(stroke);
    const due = this.sent + SEND_MS - performance.now();
    if (due <= 0) this.flush();
    else this.later ??= setTimeout(() => this.flush(), due);
  }
  end() {
    if (!this.stroke) return;
    this.flush();
    this.stroke = null;
  }
  /** Send and show the stroke as it is now. */
  flush() {
    clearTimeout(this.later);
    this.later = void 0;
    const { stroke } = this;
    if (!stroke) return;
    const { frame, points, ...rest } = stroke;
    this.say({ op: "annotate", ...rest, ...frame, points: points.map((value) => Math.round(value * 1e4) / 1e4) });
    this.sent = performance.now();
    this.show(stroke);
  }
  show(drawing2) {
    const { id, kind, points, text, color, lifetime_s: life } = drawing2;
    const mark = {
      id,
      kind,
      points: [...points],
      text,
      color,
      author: "",
      behind: this.around.frame()?.behind ?? 0,
      until: performance.now() + 1e3 * life
    };
    this.marks.put(mark);
  }
  /** Ask for the text of a mark, where it shall stand. */
  ask([x, y]) {
    this.textAt = [x, y];
    const { input } = this;
    input.value = "";
    input.placeholder = words().typeHere;
    input.style.left = `${100 * Math.min(x, 0.75)}%`;
    input.style.top = `${100 * y}%`;
    input.hidden = false;
    setTimeout(() => input.focus({ preventScroll: true }));
  }
  onText(event) {
    event.stopPropagation();
    if (event.isComposing || event.key !== "Enter" && event.key !== "Escape") return;
    const text = this.input.value.trim();
    const frame = this.where();
    this.input.hidden = true;
    this.canvas.focus({ preventScroll: true });
    if (event.key === "Escape" || !text || !frame) return;
    this.stroke = {
      kind: "text",
      id: `${this.prefix}-${this.count += 1}`,
      frame,
      points: [...this.textAt],
      text,
      color: this.color,
      lifetime_s: this.lifetime
    };
    this.end();
  }
  /** Arrow keys move a cross hair, Enter sets the pen down and lifts it. */
  onKey(event) {
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const by = moves[event.key];
    if (!this.tool || !by && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    this.cross.hidden = false;
    if (by) {
      this.cursor = [share(this.cursor[0] + by[0]), share(this.cursor[1] + by[1])];
      if (this.tool === "pointer" && !this.stroke) this.begin(this.cursor);
      this.move(this.cursor);
    } else if (this.stroke) this.end();
    else this.begin(this.cursor);
    this.cross.style.left = `${100 * this.cursor[0]}%`;
    this.cross.style.top = `${100 * this.cursor[1]}%`;
  }
};
var share = (value) => Math.min(1, Math.max(0, value));
function thinned(points) {
  const kept = points.filter((_, index) => index % 4 < 2);
  return [...kept, ...points.slice(-2)];
}
function roving(toolbar) {
  const buttons = [...toolbar.querySelectorAll("button")];
  const enter = (index) => buttons.forEach((button, i) => {
    button.tabIndex = i === index ? 0 : -1;
  });
  enter(0);
  toolbar.addEventListener("focusin", (event) => enter(buttons.indexOf(event.target)));
  toolbar.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    buttons[(buttons.indexOf(event.target) + by + buttons.length) % buttons.length]?.focus();
  });
}

// src/console.ts
var FEWER = 0.7;
var timeline = new Timeline();
var room = new Room({
  level: "All",
  onHello: ({ timeline: events }) => {
    timeline.reset(events);
    timeline.render();
  },
  onEvent: (event) => {
    timeline.add(event);
    timeline.render();
  },
  onNumbers: () => {
    const live = room.link.link === "open" && room.state.picture.state === "live";
    renderRate(live ? room.view.rate() : NaN, room.state.system.frame_rate ?? 0);
    renderSignal(room.state, room.link, room.view, room.video.state === "playing" ? room.video.kind : null);
    renderView(live ? room.view.header?.scene ?? null : null);
    renderStill();
  },
  onLanguage: () => {
    timeline.render();
    renderStill();
  }
});
var pen = new Telestrator(room.marks, {
  frame: () => room.frame(),
  send: (message) => room.link.send(message),
  unsent: () => tell(words().cannotSend)
});
function renderRate(rate, looked) {
  const word = words();
  const fewer = rate < FEWER * looked;
  const number = fewer ? word.rateOf(rate.toFixed(0), looked.toFixed(0)) : rate.toFixed(0);
  setText(byId("rate"), Number.isFinite(rate) ? `${number} ${word.perSecond}` : "–");
  byId("rate").title = fewer ? word.fewer : "";
}
function renderStill() {
  const { still } = room.view;
  setData(byId("stage"), "still", String(still !== null));
  byId("freeze").setAttribute("aria-pressed", String(still !== null));
  const word = still ? "goLive" : "freeze";
  byId("freeze").dataset.wordLabel = word;
  byId("freeze").setAttribute("aria-label", words()[word]);
  byId("freeze").title = words()[word];
  setText(byId("still-word"), still ? words().still : "");
  setText(byId("still-detail"), still ? words().stillDetail(seconds(performance.now() - still.since)) : "");
}
function freeze() {
  room.view.freeze(!room.view.still);
  renderStill();
}
var drawing = (work) => () => {
  if (room.may("annotate")) work();
};
byId("freeze").addEventListener("click", freeze);
byId("go-live").addEventListener("click", freeze);
onKeys({
  l: () => room.otherLanguage(),
  o: () => room.nextLevel(),
  e: () => room.card.toggleEvidence(),
  v: () => room.speak(),
  h: () => room.hear(),
  f: freeze,
  d: drawing(() => pen.choose("freehand")),
  a: drawing(() => pen.choose("arrow")),
  c: drawing(() => pen.choose("circle")),
  t: drawing(() => pen.choose("text")),
  p: drawing(() => pen.choose("pointer")),
  z: drawing(() => pen.undo()),
  x: drawing(() => pen.clear()),
  escape: () => pen.choose(""),
  1: () => pen.paint(0),
  2: () => pen.paint(1),
  3: () => pen.paint(2),
  4: () => pen.paint(3)
});
timeline.render();
room.start();
