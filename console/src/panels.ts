// The column beside the picture: why the state is what it is, alarms, the view, what happened lately, the signal.

import { STARS } from './advice.js';
import type { Connection } from './connection.js';
import { byId, make, rebuild, setText } from './page.js';
import type { PictureView } from './picture.js';
import type { Alarm, Scene, State, System, TimelineEvent, VideoKind } from './protocol.js';
import { told } from './reasons.js';
import { choose, className, current, phaseName, words } from './words.js';

const GOOD_MS = 80; // beyond it perception and action come apart (docs/architecture.md, "Latency")
const BAD_MS = 120; // beyond it misjudgement rises clearly
const LINES = 50; // of the timeline
const SHORT_TRIP_MS = 60; // the share of the network in 80 ms, and a little
const LONG_TRIP_MS = 150;
const ENERGY_ON = 2;

const stars = (priority: number): HTMLElement =>
  make('b', { class: 'stars', 'data-priority': String(priority) }, STARS[priority] ?? '');

export type Verdict = 'good' | 'noticeable' | 'tooLate' | '';

/** A delay in a word, and whether it is good. */
export function judge(delay: number): Verdict {
  if (!Number.isFinite(delay)) return '';
  if (delay <= GOOD_MS) return 'good';
  return delay <= BAD_MS ? 'noticeable' : 'tooLate';
}

/** The connection in a word. */
export function judgeLink(link: Connection): 'linkGood' | 'linkFair' | 'linkPoor' | 'linkNone' | '' {
  if (link.link !== 'open') return 'linkNone';
  const trip = link.roundTrip();
  if (!Number.isFinite(trip)) return '';
  if (trip <= SHORT_TRIP_MS) return 'linkGood';
  return trip <= LONG_TRIP_MS ? 'linkFair' : 'linkPoor';
}

/** Why the state is what it is, and what is given up to keep time. */
export function renderReasons({ reasons, degradation_step: step = 0 }: System): void {
  const toldWhy = reasons.some(reason => reason.startsWith('degradation step'));
  const all = [...(step && !toldWhy ? [words().degradation(step)] : []), ...reasons.map(told)];
  byId('reasons-card').hidden = !all.length;
  rebuild(byId('reasons'), all, () => all.map(reason => make('li', {}, reason)));
}

/** Until when alarm sounds are paused, and by whom; '' while they are on. */
export function audioPause({ system, stamp_ms: now }: State): string {
  const left = (system.audio_paused_until_ms ?? 0) - now;
  return left > 0 ? words().audioPaused(Math.ceil(left / 1000), system.audio_paused_by ?? '') : '';
}

export function renderAudio(state: State): void {
  const paused = audioPause(state);
  byId('audio-paused').hidden = !paused;
  setText(byId('audio-paused'), paused);
}

export const alarmStatus = (alarm: Alarm): 'raised' | 'acknowledged' | 'cleared' =>
  alarm.active ? (alarm.acknowledged ? 'acknowledged' : 'raised') : 'cleared';

/**
 * A line is made anew only when the alarm's state changes: a button must not go away under the finger.
 * @param extra more for the line of an alarm, such as a button
 */
export function renderAlarms(alarms: Alarm[], extra: (alarm: Alarm) => HTMLElement[] = () => []): void {
  const list = byId('alarms');
  const states = alarms.map(alarm => [alarm.id, alarm.priority, alarmStatus(alarm), alarm.text]);
  rebuild(list, [states, current()], () => alarms.length
    ? alarms.map(alarm => alarmLine(alarm, extra(alarm)))
    : [make('li', { class: 'calm' }, words().noAlarms)]);
  const notes = list.querySelectorAll('small');
  alarms.forEach((alarm, index) => {
    const line = notes[index];
    if (line) setText(line, alarmNotes(alarm));
  });
}

const alarmLine = (alarm: Alarm, extra: HTMLElement[]): HTMLElement =>
  make('li', { 'data-status': alarmStatus(alarm), 'data-priority': String(alarm.priority) },
    stars(alarm.priority),
    make('div', {}, make('strong', {}, choose(alarm.text) || alarm.id), make('small', {})),
    ...extra);

function alarmNotes(alarm: Alarm): string {
  const word = words();
  const status = word.alarm[alarmStatus(alarm)] ?? '';
  const by = alarm.acknowledged && alarm.acknowledged_by ? ` (${alarm.acknowledged_by})` : '';
  const times = alarm.count > 1 ? word.times(alarm.count) : '';
  return [status + by, alarm.escalated ? word.escalated : '', times, told(alarm.detail)].filter(Boolean).join(' · ');
}

/** What is in the view: the phase and the instruments. */
export function renderView(scene: Scene | null): void {
  const valid = scene?.valid ? scene : null;
  setText(byId('phase'), valid?.phase ? phaseName(valid.phase) : words().unknown);
  const instruments = valid?.instruments.map(({ class: name, energised }) => [name, energised === ENERGY_ON] as const) ?? [];
  rebuild(byId('instruments'), [instruments, current()], () => instruments.length
    ? instruments.map(([name, on]) => make('li', on ? { class: 'energised' } : {}, className(name), on ? ` · ${words().energised}` : ''))
    : [make('li', { class: 'calm' }, words().noInstruments)]);
}

const pad = (number: number): string => String(number).padStart(2, '0');

function timeOfDay(stamp: number): string {
  const date = new Date(stamp);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
}

/** What happened lately, the newest first. */
export class Timeline {
  private events: TimelineEvent[] = [];

  reset(events: TimelineEvent[]): void {
    this.events = events.toReversed();
  }

  add(event: TimelineEvent): void {
    this.events = [event, ...this.events].slice(0, LINES);
  }

  render(): void {
    rebuild(byId('timeline'), [this.events, current()], () => {
      if (!this.events.length) return [make('li', { class: 'calm' }, words().nothingYet)];
      return this.events.map(event => this.line(event));
    });
  }

  private line(event: TimelineEvent): HTMLElement {
    const word = words();
    const texts = {
      system: () => [word.system[event.status], ''],
      alarm: () => [choose(event.text) || event.id, word.alarm[event.status]],
      advice: () => [choose(event.text) || word.why[event.why ?? ''], word.status[event.status]],
    };
    const [text = '', status = ''] = texts[event.kind]();
    return make('li', { 'data-kind': event.kind, 'data-status': event.status },
      make('time', { class: 'number' }, timeOfDay(event.stamp_ms)),
      event.kind === 'system' ? make('b', { class: 'stars' }, '•') : stars(event.priority ?? 0),
      make('div', {}, text, status ? make('small', {}, status) : ''));
  }
}

const number = (value: number | null | undefined, digits = 0): string =>
  typeof value === 'number' && Number.isFinite(value) ? value.toFixed(digits) : '–';

/** How large the picture is, and why it is smaller than the camera's. */
function sizeRow(view: PictureView, video: VideoKind | null): [string, string, string] {
  const word = words();
  const sizes = view.sizes();
  if (!sizes) return [word.pictureSize, '–', ''];
  const [shown, camera] = [sizes.shown, sizes.camera].map(size => size.join(' × ')) as [string, string];
  const smaller = sizes.shown[1] < sizes.camera[1];
  const why = !video ? word.smallerPictures : video.software ? word.smallerSoftware : word.smaller;
  return [word.pictureSize, smaller ? word.sizeOf(shown, camera) : shown, smaller ? why : ''];
}

/**
 * Numbers for who wants them.
 * @param video how the video is made that is playing; null while single pictures are shown
 */
export function renderSignal(state: State, link: Connection, view: PictureView, video: VideoKind | null): void {
  const word = words();
  const { latency_p50_ms: p50, latency_p99_ms: p99 } = state.system;
  const rows: [string, string, string][] = [
    [word.capture_to_advice, `${number(p50)} / ${number(p99)} ${word.ms}`, word.percentile],
    [word.way, video ? word.wayVideo : word.wayPictures, ''],
    sizeRow(view, video),
    [word.roundTrip, `${number(link.roundTrip(), 1)} ${word.ms}`, ''],
    [word.skipped, String(link.dropped), ''],
    ...Object.entries(state.stages_ms).filter(([stage]) => stage !== 'capture_to_advice')
      .map(([stage, ms]): [string, string, string] => [word.stages[stage] ?? stage, `${number(ms, 1)} ${word.ms}`, '']),
  ];
  rebuild(byId('signal'), [rows.map(([name, , title]) => [name, title]), current()], () =>
    rows.flatMap(([name, , title]) => [make('dt', { title }, name), make('dd', { class: 'number' })]));
  const cells = byId('signal').querySelectorAll('dd');
  rows.forEach(([, value], index) => {
    const cell = cells[index];
    if (cell) setText(cell, value);
  });
}
