// The console: joins the socket, the picture, the advice and the panels.

import { AdviceCard, whenSilent } from './advice.js';
import { Connection } from './connection.js';
import { LEVELS, colour } from './overlay.js';
import { byId, make, rebuild, seconds, setData, setText } from './page.js';
import { Timeline, judge, renderAlarms, renderReasons, renderSignal } from './panels.js';
import { PictureView } from './picture.js';
import { Video } from './video.js';
import { apply, className, current, switchLanguage, words } from './words.js';

const REFRESH_MS = 100; // ages go on counting while the relay is silent
const NUMBERS_MS = 500; // numbers that change faster cannot be read
const LEVEL_KEPT = 'surgical-guidance.outlines';
const UNKNOWN = {
  system: { state: 'connecting', reasons: [] }, picture: { state: 'none' }, alarms: [], stages_ms: {},
  advice: { status: 'unavailable', why: '' },
};

let state = UNKNOWN;
let session = '';
const card = new AdviceCard();
const timeline = new Timeline();

const link = new Connection({
  hello(message) {
    if (message.session !== session) view.reset(); // another relay, perhaps another clock
    session = message.session;
    timeline.reset(message.timeline);
    timeline.render();
    video.hello(message.video);
  },
  state(message) {
    state = message;
    video.flowing = message.picture.state === 'live';
    render();
  },
  event(event) {
    timeline.add(event);
    timeline.render();
  },
  picture: buffer => view.show(buffer),
  overlay: message => view.takeOverlay(message),
  'video.offer': message => video.take(message),
  'video.failed': message => video.take(message),
  refused() {},
  link: () => render(),
});

const view = new PictureView(
  { stage: byId('stage'), frame: byId('frame'), picture: byId('picture'), overlay: byId('overlay') },
  link,
  (header, classes) => {
    byId('plain').hidden = Boolean(header.scene?.valid);
    rebuild(byId('legend'), [classes, current()], () => classes.map(item => {
      const swatch = make('i', {});
      swatch.style.background = colour(item);
      return make('li', {}, swatch, className(item));
    }));
  },
);

const video = new Video(
  message => link.send(message),
  (source, rtp, width, height) => view.showFrame(source, rtp, width, height),
  how => setData(document.body, 'video', how),
);

/** The state as it must be shown: what the relay said last, or what its silence means. */
function effective() {
  if (link.link === 'open') return state;
  const silence = link.silence();
  return {
    ...state,
    system: { state: link.link === 'lost' ? 'relay_lost' : 'connecting', reasons: [] },
    picture: { ...state.picture, state: link.link, silent_ms: silence },
    advice: link.link === 'lost' ? whenSilent(state.advice, silence) : UNKNOWN.advice,
  };
}

function render() {
  const shown = effective();
  setData(document.body, 'link', link.link);
  setData(byId('system'), 'state', shown.system.state);
  setText(byId('system-word'), words().system[shown.system.state]);
  setData(byId('stage'), 'picture', shown.picture.state);
  renderNotice(shown.picture);
  view.options.highlight = shown.advice.status === 'valid' ? shown.advice.highlight : '';
  card.render(shown.advice);
  renderReasons(shown.system.reasons);
  renderAlarms(shown.alarms);
}

function renderNotice({ state: what, silent_ms: silent = 0 }) {
  const word = words();
  const ago = seconds(silent);
  const notices = {
    live: ['', ''],
    stopped: [word.frozen, word.frozenDetail(ago)],
    none: [word.waiting, word.waitingDetail()],
    lost: [word.lost, link.refusal ? word.refused(link.refusal) : word.lostDetail(ago)],
    connecting: [word.connecting, link.refusal ? word.refused(link.refusal) : ''],
  };
  const [title, detail] = notices[what];
  setText(byId('notice-word'), title);
  setText(byId('notice-detail'), detail);
}

function renderNumbers() {
  const live = link.link === 'open' && state.picture.state === 'live';
  const delay = live ? view.delay() : NaN;
  const verdict = judge(delay);
  setText(byId('delay'), Number.isFinite(delay) ? `${Math.round(delay)} ${words().ms}` : '–');
  setText(byId('delay-word'), verdict ? words()[verdict] : '');
  setData(byId('delay-word'), 'verdict', verdict);
  setText(byId('rate'), live ? `${view.rate().toFixed(0)} ${words().perSecond}` : '–');
  renderSignal(state, link, video.state === 'playing');
}

function setLevel(level) {
  view.options.level = level;
  localStorage.setItem(LEVEL_KEPT, level);
  setText(byId('outlines-word'), words()[`outlines${level}`]);
  view.redraw();
}

function nextLevel() {
  setLevel(LEVELS[(LEVELS.indexOf(view.options.level) + 1) % LEVELS.length]);
}

function otherLanguage() {
  switchLanguage();
  setLevel(view.options.level);
  timeline.render();
  render();
  renderNumbers();
}

const KEYS = { l: otherLanguage, o: nextLevel, e: () => card.toggleEvidence() };

byId('language').addEventListener('click', otherLanguage);
byId('outlines').addEventListener('click', nextLevel);
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  KEYS[event.key.toLowerCase()]?.();
});

apply();
const kept = localStorage.getItem(LEVEL_KEPT);
setLevel(LEVELS.includes(kept) ? kept : LEVELS[0]);
timeline.render();
render();
renderNumbers();
link.start();
setInterval(() => { if (link.link !== 'open') render(); }, REFRESH_MS);
setInterval(renderNumbers, NUMBERS_MS);
