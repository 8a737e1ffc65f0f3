// The surgeon's page: what is advised, large; what is wrong, heard; who is here; and a say in all of it.

import { make, byId, setData, setText } from './page.js';
import { alarmStatus, audioPause } from './panels.js';
import { Room, onKeys, type Shown } from './room.js';
import { AlarmSound, type SoundState } from './sound.js';
import { words } from './words.js';

const PAUSE_S = 60;
const RELAY_LOST = 2; // priority of the sound when nobody else can raise the alarm
let advised = 0; // the suggestion that was sounded last

const sound = new AlarmSound(renderSound);

const room: Room = new Room({
  level: 'Key',
  alarmExtra: alarm => {
    if (alarm.acknowledged || !room.may('acknowledge')) return [];
    const button = make('button', { type: 'button', class: 'acknowledge' }, words().acknowledge);
    button.addEventListener('click', () => acknowledge(alarm.id));
    return [button];
  },
  onRender: shown => {
    sounds(shown);
    renderButtons(shown);
  },
  onLanguage: () => renderSound(sound.state),
});

/** The gravest alarm that nobody has seen sounds until it is over, acknowledged or paused; new advice sounds once. */
function sounds({ alarms, advice }: Shown): void {
  const paused = Boolean(audioPause(room.state));
  const unseen = alarms.filter(alarm => alarmStatus(alarm) === 'raised').map(alarm => alarm.priority);
  const lost = room.link.link === 'lost' ? RELAY_LOST : 0;
  sound.alarm(paused ? 0 : Math.max(lost, 0, ...unseen));
  if (advice.status === 'valid' && advice.sequence && advice.sequence !== advised) {
    advised = advice.sequence;
    if (!paused) sound.once(advice.priority ?? 0);
  }
}

function renderSound(state: SoundState): void {
  const { soundBlocked, soundNone, soundOn } = words();
  setData(document.body, 'sound', state);
  setText(byId('sound'), { on: soundOn, blocked: soundBlocked, none: soundNone }[state]);
}

function renderButtons({ advice, alarms }: Shown): void {
  const connected = room.link.link === 'open';
  const standing = connected && ['valid', 'interrupted'].includes(advice.status) && room.may('respond');
  for (const id of ['accept', 'not-now', 'reject']) byId<HTMLButtonElement>(id).disabled = !standing;
  setText(byId('mute-word'), audioPause(room.state) ? words().unmute : words().mute);
  byId<HTMLButtonElement>('mute').disabled = !connected || !room.may('pause_audio');
  byId<HTMLButtonElement>('acknowledge-all').disabled = !connected || !alarms.some(alarm => !alarm.acknowledged);
  byId<HTMLButtonElement>('end-session').disabled = !connected || !room.may('end_session');
}

function respond(response: 'accept' | 'not_now' | 'reject'): void {
  const { sequence } = room.state.advice;
  if (sequence && !byId<HTMLButtonElement>('accept').disabled) room.link.send({ op: 'respond', sequence, response });
}

function acknowledge(id: string): void {
  room.link.send({ op: 'acknowledge', id });
}

function mute(): void {
  room.link.send({ op: 'pause_audio', seconds: audioPause(room.state) ? 0 : PAUSE_S });
}

const dialog = byId<HTMLDialogElement>('end-dialog');

byId('accept').addEventListener('click', () => respond('accept'));
byId('not-now').addEventListener('click', () => respond('not_now'));
byId('reject').addEventListener('click', () => respond('reject'));
byId('mute').addEventListener('click', mute);
byId('acknowledge-all').addEventListener('click', () => acknowledge(''));
byId('sound').addEventListener('click', () => void sound.unlock());
byId('clear-all').addEventListener('click', () => room.link.send({ op: 'annotate', kind: 'clear', everybody: true }));
byId('end-session').addEventListener('click', () => dialog.showModal());
byId('end-cancel').addEventListener('click', () => dialog.close());
byId('end-confirm').addEventListener('click', () => {
  dialog.close();
  room.link.send({ op: 'end_session', participant: '' });
});
onKeys({
  l: () => room.otherLanguage(),
  o: () => room.nextLevel(),
  e: () => room.card.toggleEvidence(),
  v: () => room.speak(),
  h: () => room.hear(),
  y: () => respond('accept'),
  n: () => respond('not_now'),
  r: () => respond('reject'),
  m: mute,
  k: () => acknowledge(''),
  x: () => room.link.send({ op: 'annotate', kind: 'clear', everybody: true }),
});

renderSound(sound.state);
room.start();
