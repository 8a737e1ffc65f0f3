// The expert's page.

import { byId, seconds, setData, setText, tell } from './page.js';
import { Timeline, renderSignal, renderView } from './panels.js';
import { Room, onKeys } from './room.js';
import { Telestrator } from './telestrator.js';
import { words } from './words.js';

const FEWER = 0.7; // of the frames

const timeline = new Timeline();

const room: Room = new Room({
  level: 'All',
  onHello: ({ timeline: events }) => {
    timeline.reset(events);
    timeline.render();
  },
  onEvent: event => {
    timeline.add(event);
    timeline.render();
  },
  onNumbers: () => {
    const live = room.link.link === 'open' && room.state.picture.state === 'live';
    renderRate(live ? room.view.rate() : NaN, room.state.system.frame_rate ?? 0);
    renderSignal(room.state, room.link, room.view, room.video.state === 'playing' ? room.video.kind : null);
    renderView(live ? room.view.header?.scene ?? null : null);
    renderStill();
  },
  onLanguage: () => {
    timeline.render();
    renderStill();
  },
});

const pen = new Telestrator(room.marks, {
  frame: () => room.frame(),
  send: message => room.link.send(message),
  unsent: () => tell(words().cannotSend),
});

/** Pictures a second; where they are far fewer than are looked at, of how many, so that each is in time. */
function renderRate(rate: number, looked: number): void {
  const word = words();
  const fewer = rate < FEWER * looked;
  const number = fewer ? word.rateOf(rate.toFixed(0), looked.toFixed(0)) : rate.toFixed(0);
  setText(byId('rate'), Number.isFinite(rate) ? `${number} ${word.perSecond}` : '–');
  byId('rate').title = fewer ? word.fewer : '';
}

function renderStill(): void {
  const { still } = room.view;
  setData(byId('stage'), 'still', String(still !== null));
  byId('freeze').setAttribute('aria-pressed', String(still !== null));
  const word = still ? 'goLive' : 'freeze';
  byId('freeze').dataset.wordLabel = word;
  byId('freeze').setAttribute('aria-label', words()[word]);
  byId('freeze').title = words()[word];
  setText(byId('still-word'), still ? words().still : '');
  setText(byId('still-detail'), still ? words().stillDetail(seconds(performance.now() - still.since)) : '');
}

function freeze(): void {
  room.view.freeze(!room.view.still);
  renderStill();
}

/** With a pen in hand, if one may draw. */
const drawing = (work: () => void) => (): void => {
  if (room.may('annotate')) work();
};

byId('freeze').addEventListener('click', freeze);
byId('go-live').addEventListener('click', freeze);
onKeys({
  l: () => room.otherLanguage(),
  o: () => room.nextLevel(),
  e: () => room.card.toggleEvidence(),
  v: () => room.speak(),
  h: () => room.hear(),
  f: freeze,
  d: drawing(() => pen.choose('freehand')),
  a: drawing(() => pen.choose('arrow')),
  c: drawing(() => pen.choose('circle')),
  t: drawing(() => pen.choose('text')),
  p: drawing(() => pen.choose('pointer')),
  z: drawing(() => pen.undo()),
  x: drawing(() => pen.clear()),
  escape: () => pen.choose(''),
  1: () => pen.paint(0),
  2: () => pen.paint(1),
  3: () => pen.paint(2),
  4: () => pen.paint(3),
});

timeline.render();
room.start();
