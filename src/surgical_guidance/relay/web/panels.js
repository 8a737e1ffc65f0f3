// The column beside the picture: why the state is what it is, alarms, what happened lately, how good the signal is.

import { STARS } from './advice.js';
import { byId, make, rebuild, setText } from './page.js';
import { choose, current, words } from './words.js';

const GOOD_MS = 80; // beyond it perception and action come apart (docs/architecture.md, "Latency")
const BAD_MS = 120; // beyond it misjudgement rises clearly
const LINES = 50; // of the timeline

const stars = priority => make('b', { class: 'stars', 'data-priority': priority }, STARS[priority] ?? '');

/** A delay in a word, and whether it is good: 'good', 'noticeable', 'tooLate' or ''. */
export function judge(delay) {
  if (!Number.isFinite(delay)) return '';
  if (delay <= GOOD_MS) return 'good';
  return delay <= BAD_MS ? 'noticeable' : 'tooLate';
}

export function renderReasons(reasons) {
  byId('reasons-card').hidden = !reasons.length;
  rebuild(byId('reasons'), reasons, () => reasons.map(reason => make('li', {}, reason)));
}

export function renderAlarms(alarms) {
  rebuild(byId('alarms'), [alarms, current()], () => {
    if (!alarms.length) return [make('li', { class: 'calm' }, words().noAlarms)];
    return alarms.map(alarm => {
      const status = alarm.active ? (alarm.acknowledged ? 'acknowledged' : 'raised') : 'cleared';
      const notes = [words().alarm[status], alarm.count > 1 ? words().times(alarm.count) : '', alarm.detail];
      return make('li', { 'data-status': status, 'data-priority': alarm.priority },
        stars(alarm.priority),
        make('div', {}, make('strong', {}, choose(alarm.text) || alarm.id),
          make('small', {}, notes.filter(Boolean).join(' · '))));
    });
  });
}

const pad = number => String(number).padStart(2, '0');

function timeOfDay(stamp) {
  const date = new Date(stamp);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
}

/** What happened lately, the newest first. */
export class Timeline {
  constructor() {
    this.events = [];
  }

  reset(events) {
    this.events = events.toReversed();
  }

  add(event) {
    this.events = [event, ...this.events].slice(0, LINES);
  }

  render() {
    rebuild(byId('timeline'), [this.events, current()], () => {
      if (!this.events.length) return [make('li', { class: 'calm' }, words().nothingYet)];
      return this.events.map(event => this.line(event));
    });
  }

  line(event) {
    const word = words();
    const texts = {
      system: () => [word.system[event.status], ''],
      alarm: () => [choose(event.text) || event.id, word.alarm[event.status]],
      advice: () => [choose(event.text) || word.why[event.why], word.status[event.status]],
    };
    const [text, status] = texts[event.kind]();
    return make('li', { 'data-kind': event.kind, 'data-status': event.status },
      make('time', { class: 'number' }, timeOfDay(event.stamp_ms)),
      event.kind === 'system' ? make('b', { class: 'stars' }, '•') : stars(event.priority ?? 0),
      make('div', {}, text, status ? make('small', {}, status) : ''));
  }
}

const number = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

/** Numbers for who wants them. `state` as the relay sent it, `link` the connection. */
export function renderSignal(state, link, video) {
  const word = words();
  const { latency_p50_ms: p50, latency_p99_ms: p99 } = state.system;
  const rows = [
    [word.capture_to_advice, `${number(p50)} / ${number(p99)} ${word.ms}`, word.percentile],
    [word.way, video ? word.wayVideo : word.wayPictures, ''],
    [word.roundTrip, `${number(link.roundTrip(), 1)} ${word.ms}`, ''],
    [word.skipped, String(link.dropped), ''],
    ...Object.entries(state.stages_ms).filter(([stage]) => stage !== 'capture_to_advice')
      .map(([stage, ms]) => [word[stage === 'advice' ? 'stage_advice' : stage] ?? stage, `${number(ms, 1)} ${word.ms}`, '']),
  ];
  rebuild(byId('signal'), [rows.map(row => row[0]), current()], () =>
    rows.flatMap(([name, , title]) => [make('dt', { title }, name), make('dd', { class: 'number' })]));
  const cells = byId('signal').querySelectorAll('dd');
  rows.forEach(([, value], index) => setText(cells[index], value));
}
