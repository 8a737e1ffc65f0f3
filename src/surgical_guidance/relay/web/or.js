// Made by `npm run build` in console/, from sources 0d6a74b3082c0eca8f2df107ac5b4833547460e0dd6a66e341daf4fe1e4e4206. Edit those.
import {
  Room,
  alarmStatus,
  audioPause,
  byId,
  make,
  onKeys,
  setData,
  setText,
  words
} from "./shared.js";

// src/tones.ts
var HARMONICS = [1, 0.7, 0.5, 0.4, 0.3];
var RISE = 0.2;
var C = 523.25;
var E = 659.26;
function pulses(length, gaps, pitches) {
  let at = 0;
  return pitches.map((pitch, index) => {
    const pulse = { at, length, pitch };
    at += length + (gaps[index] ?? 0);
    return pulse;
  });
}
var HIGH = 0.15;
var X = 0.1;
var HALF = [X, X, 2 * X + HIGH, X];
var SLOW = 0.2;
var BURSTS = {
  3: { pulses: pulses(HIGH, [...HALF, 0.6, ...HALF], Array(10).fill(C)), every: 8 },
  // 2.5 to 15 s between bursts
  2: { pulses: pulses(SLOW, [SLOW, SLOW], [C, C, C]), every: 12 },
  // 2.5 to 30 s
  1: { pulses: pulses(SLOW, [SLOW], [E, C]), every: 25 }
  // more than 15 s
};

// src/sound.ts
var LOUD = 0.5;
var FADE_S = 0.02;
var AlarmSound = class {
  /** @param onState is told when sounds become possible or impossible */
  constructor(onState) {
    this.onState = onState;
    if (typeof AudioContext === "undefined") return;
    this.context = new AudioContext();
    this.context.onstatechange = () => {
      onState(this.state);
      if (this.state === "on" && this.priority) this.repeat();
    };
    for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, () => void this.unlock());
  }
  onState;
  context = null;
  out = null;
  priority = 0;
  timer;
  get state() {
    if (!this.context) return "none";
    return this.context.state === "running" ? "on" : "blocked";
  }
  /** Turn sounds on: browsers allow it only from within what a person does. */
  async unlock() {
    if (this.context && this.context.state !== "running") await this.context.resume();
    this.onState(this.state);
  }
  /** Sound the gravest alarm that is on, again and again; 0: none, or the sounds are paused. */
  alarm(priority) {
    if (priority === this.priority) return;
    const graver = priority > this.priority;
    this.priority = priority;
    if (graver || !priority) this.silence();
    if (graver) this.repeat();
  }
  /** Sound one burst, for advice that is new; an alarm that sounds goes first. */
  once(priority) {
    if (!this.priority) this.play(priority);
  }
  repeat() {
    clearTimeout(this.timer);
    this.play(this.priority);
    const burst = BURSTS[this.priority];
    if (burst) this.timer = setTimeout(() => this.repeat(), 1e3 * burst.every);
  }
  silence() {
    clearTimeout(this.timer);
    if (!this.context || !this.out) return;
    this.out.gain.setTargetAtTime(0, this.context.currentTime, FADE_S / 3);
    this.out = null;
  }
  play(priority) {
    const { context } = this;
    const burst = BURSTS[priority];
    if (!context || !burst || context.state !== "running") return;
    const wave = context.createPeriodicWave(
      new Float32Array(HARMONICS.length + 1),
      new Float32Array([0, ...HARMONICS]),
      { disableNormalization: false }
    );
    const out = context.createGain();
    out.connect(context.destination);
    this.out = out;
    const start = context.currentTime + 0.02;
    for (const { at, length, pitch } of burst.pulses) {
      const tone = context.createOscillator();
      const shape = context.createGain();
      tone.setPeriodicWave(wave);
      tone.frequency.value = pitch;
      shape.gain.setValueAtTime(0, start + at);
      shape.gain.linearRampToValueAtTime(LOUD, start + at + RISE * length);
      shape.gain.setValueAtTime(LOUD, start + at + (1 - RISE) * length);
      shape.gain.linearRampToValueAtTime(0, start + at + length);
      tone.connect(shape).connect(out);
      tone.start(start + at);
      tone.stop(start + at + length);
    }
  }
};

// src/or.ts
var PAUSE_S = 60;
var RELAY_LOST = 2;
var advised = 0;
var sound = new AlarmSound(renderSound);
var room = new Room({
  level: "Key",
  alarmExtra: (alarm) => {
    if (alarm.acknowledged || !room.may("acknowledge")) return [];
    const button = make("button", { type: "button", class: "acknowledge" }, words().acknowledge);
    button.addEventListener("click", () => acknowledge(alarm.id));
    return [button];
  },
  onRender: (shown) => {
    sounds(shown);
    renderButtons(shown);
  },
  onLanguage: () => renderSound(sound.state)
});
function sounds({ alarms, advice }) {
  const paused = Boolean(audioPause(room.state));
  const unseen = alarms.filter((alarm) => alarmStatus(alarm) === "raised").map((alarm) => alarm.priority);
  const lost = room.link.link === "lost" ? RELAY_LOST : 0;
  sound.alarm(paused ? 0 : Math.max(lost, 0, ...unseen));
  if (advice.status === "valid" && advice.sequence && advice.sequence !== advised) {
    advised = advice.sequence;
    if (!paused) sound.once(advice.priority ?? 0);
  }
}
function renderSound(state) {
  const { soundBlocked, soundNone, soundOn } = words();
  setData(document.body, "sound", state);
  setText(byId("sound"), { on: soundOn, blocked: soundBlocked, none: soundNone }[state]);
}
function renderButtons({ advice, alarms }) {
  const connected = room.link.link === "open";
  const standing = connected && ["valid", "interrupted"].includes(advice.status) && room.may("respond");
  for (const id of ["accept", "not-now", "reject"]) byId(id).disabled = !standing;
  setText(byId("mute-word"), audioPause(room.state) ? words().unmute : words().mute);
  byId("mute").disabled = !connected || !room.may("pause_audio");
  byId("acknowledge-all").disabled = !connected || !alarms.some((alarm) => !alarm.acknowledged);
  byId("end-session").disabled = !connected || !room.may("end_session");
}
function respond(response) {
  const { sequence } = room.state.advice;
  if (sequence && !byId("accept").disabled) room.link.send({ op: "respond", sequence, response });
}
function acknowledge(id) {
  room.link.send({ op: "acknowledge", id });
}
function mute() {
  room.link.send({ op: "pause_audio", seconds: audioPause(room.state) ? 0 : PAUSE_S });
}
var dialog = byId("end-dialog");
byId("accept").addEventListener("click", () => respond("accept"));
byId("not-now").addEventListener("click", () => respond("not_now"));
byId("reject").addEventListener("click", () => respond("reject"));
byId("mute").addEventListener("click", mute);
byId("acknowledge-all").addEventListener("click", () => acknowledge(""));
byId("sound").addEventListener("click", () => void sound.unlock());
byId("clear-all").addEventListener("click", () => room.link.send({ op: "annotate", kind: "clear", everybody: true }));
byId("end-session").addEventListener("click", () => dialog.showModal());
byId("end-cancel").addEventListener("click", () => dialog.close());
byId("end-confirm").addEventListener("click", () => {
  dialog.close();
  room.link.send({ op: "end_session", participant: "" });
});
onKeys({
  l: () => room.otherLanguage(),
  o: () => room.nextLevel(),
  e: () => room.card.toggleEvidence(),
  v: () => room.speak(),
  h: () => room.hear(),
  y: () => respond("accept"),
  n: () => respond("not_now"),
  r: () => respond("reject"),
  m: mute,
  k: () => acknowledge(""),
  x: () => room.link.send({ op: "annotate", kind: "clear", everybody: true })
});
renderSound(sound.state);
room.start();
