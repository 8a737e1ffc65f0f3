// What both pages are made of: the socket, the picture with its overlay and marks, the advice, alarms, and who is here.

import { AdviceCard, whenSilent } from './advice.js';
import { Connection } from './connection.js';
import { Login } from './login.js';
import { Marks } from './marks.js';
import { LEVELS, colour, type Level } from './overlay.js';
import { byId, make, rebuild, seconds, setData, setText, tell } from './page.js';
import { audioPause, judge, judgeLink, renderAlarms, renderAudio, renderReasons } from './panels.js';
import { renderPeople } from './people.js';
import { PictureView } from './picture.js';
import type { Alarm, Hello, Link, Me, Participant, PictureHeader, PictureState, Speaker, State, TimelineEvent } from './protocol.js';
import { Video } from './video.js';
import { Voice } from './voice.js';
import { apply, className, current, switchLanguage, words } from './words.js';

const REFRESH_MS = 100; // ages go on counting while the relay is silent
const NUMBERS_MS = 500; // numbers that change faster cannot be read
const PLAIN_MS = 250; // without a scene for so long, pictures are called bare
const LEVEL_KEPT = `surgical-guidance.outlines${location.pathname}`; // each page its own

const SHOWN = new Set(['pause_audio', 'acknowledge']); // the page itself shows what came of it

const UNKNOWN: State = {
  stamp_ms: 0, system: { state: 'connecting', reasons: [] }, picture: { state: 'none' }, alarms: [], stages_ms: {},
  advice: { status: 'unavailable', why: '' },
};

/** A state as it must be shown: the picture may be lost with the connection. */
export type Shown = Omit<State, 'picture'> & { picture: { state: PictureState | Link; silent_ms?: number; withheld?: boolean } };

/** What a page adds. */
export interface Additions {
  level: Level;
  alarmExtra?(alarm: Alarm): HTMLElement[];
  onHello?(hello: Hello): void;
  onEvent?(event: TimelineEvent): void;
  onRender?(shown: Shown): void;
  onNumbers?(): void;
  onLanguage?(): void;
}

export class Room {
  state: State = UNKNOWN;
  people: Participant[] = [];
  speakers: Speaker[] = [];
  me: Me | undefined;
  readonly card = new AdviceCard();
  readonly link: Connection;
  readonly view: PictureView;
  readonly video: Video;
  readonly voice: Voice;
  readonly marks: Marks;
  private readonly login: Login;
  private session = '';
  private outlined = -Infinity; // when a picture last had its scene

  constructor(private readonly page: Additions) {
    this.login = new Login(
      () => this.link.resume(),
      ticket => this.link.send({ op: 'renew', ticket }),
    );
    this.link = new Connection({
      hello: message => this.hello(message),
      state: message => {
        this.state = message;
        this.video.flowing = message.picture.state === 'live';
        this.render();
      },
      event: event => page.onEvent?.(event),
      mark: message => this.marks.take(message),
      answered: ({ what, success, message }) => {
        if (!success) tell(words().failed(message));
        else if (!SHOWN.has(what)) tell([words().done[what], message].filter(Boolean).join(' · '));
      },
      refused: ({ what, reason }) => {
        if (what === 'annotate') this.marks.refuse();
        tell(words().notAllowed(reason));
      },
      participants: ({ participants }) => {
        this.people = participants;
        renderPeople(this.people, this.me);
      },
      renewed: ({ token_expires_in: left }) => this.login.extend(left),
      ended: ({ names }) => tell(`${words().done.end_session ?? ''}${names.length ? ` · ${names.join(', ')}` : ''}`),
      picture: buffer => void this.view.show(buffer),
      overlay: message => this.view.overlay(message),
      speaking: ({ who }) => {
        this.speakers = who;
        this.renderVoice();
      },
      'video.offer': message => this.video.take(message),
      'video.failed': message => this.video.take(message),
      link: () => this.render(),
      closed: code => {
        if (this.login.ended(code)) this.link.halt();
      },
    }, () => this.login.address());
    const canvas = (id: string): HTMLCanvasElement => byId<HTMLCanvasElement>(id);
    const inset = document.getElementById('inset');
    this.marks = new Marks(canvas('marks'), () => this.me?.name ?? words().you);
    this.view = new PictureView(
      {
        stage: byId('stage'), frame: byId('frame'), picture: canvas('picture'), overlay: canvas('overlay'), marks: canvas('marks'),
        ...(inset ? { inset: inset as HTMLCanvasElement } : {}),
      },
      this.link,
      (header, classes) => this.renderOutlined(header, classes),
      () => this.marks.draw(),
    );
    this.voice = new Voice(message => this.link.send(message), () => this.renderVoice(), () => tell(words().noMicrophone));
    this.video = new Video(
      message => this.link.send(message),
      (source, rtp, width, height) => this.view.frame(source, rtp, width, height),
      how => {
        setData(document.body, 'video', how);
        this.renderVoice();
      },
      this.voice,
    );
  }

  start(): void {
    apply();
    const kept = localStorage.getItem(LEVEL_KEPT);
    this.setLevel(LEVELS.find(level => level === kept) ?? this.page.level);
    renderPeople(this.people, this.me);
    this.render();
    this.renderNumbers();
    byId('language').addEventListener('click', () => this.otherLanguage());
    byId('outlines').addEventListener('click', () => this.nextLevel());
    byId('speak').addEventListener('click', () => this.speak());
    byId('hear').addEventListener('click', () => this.hear());
    this.link.start();
    setInterval(() => { if (this.link.link !== 'open') this.render(); }, REFRESH_MS);
    setInterval(() => this.renderNumbers(), NUMBERS_MS);
  }

  /** Whether one may do something, by what the relay said. */
  may(op: string): boolean {
    return !this.me || this.me.may.includes(op);
  }

  /** The frame on the screen, and how old it is. */
  frame(): { sequence?: number; captured: number; behind: number } | undefined {
    const { header } = this.view;
    if (!header) return undefined;
    const frame = { captured: header.captured_ms, behind: this.link.now() - header.captured_ms };
    return header.sequence === undefined ? frame : { ...frame, sequence: header.sequence };
  }

  /** Turn the microphone on or off. */
  speak(): void {
    if (!byId('speak').hidden) void this.voice.speak(!this.voice.speaking);
  }

  /** Hear the others, or not. */
  hear(): void {
    if (!byId('hear').hidden) this.voice.listen(!this.voice.listening);
  }

  private renderVoice(): void {
    const { speaking, listening } = this.voice;
    const word = words();
    const playing = this.video.state === 'playing' || this.video.state === 'stalled';
    byId('speak').hidden = !playing || !this.may('audio.speak');
    byId('hear').hidden = !playing || !this.may('audio.listen');
    byId('speak').setAttribute('aria-pressed', String(speaking));
    byId('hear').setAttribute('aria-pressed', String(listening));
    for (const [id, told] of [
      ['speak', speaking ? word.microphoneOn : word.microphoneOff], ['hear', listening ? word.hearing : word.deaf],
    ] as const) {
      setText(byId(`${id}-word`), told);
      byId(id).title = told;
    }
    const others = this.speakers.filter(({ id }) => id !== this.me?.id).map(({ name }) => name);
    setText(byId('speaking'), others.length ? word.speaks(others.join(', ')) : '');
  }

  /** Say what is drawn over the picture, or that nothing is; a picture whose outlines may still come says neither. */
  private renderOutlined(header: PictureHeader, classes: string[]): void {
    const now = performance.now();
    if (header.scene) this.outlined = now;
    else if (now - this.outlined < PLAIN_MS) return;
    byId('plain').hidden = Boolean(header.scene?.valid);
    rebuild(byId('legend'), [classes, current()], () => classes.map(item => {
      const swatch = make('i', {});
      swatch.style.background = colour(item);
      return make('li', {}, swatch, className(item));
    }));
  }

  nextLevel(): void {
    this.setLevel(LEVELS[(LEVELS.indexOf(this.view.options.level) + 1) % LEVELS.length] ?? 'All');
  }

  otherLanguage(): void {
    switchLanguage();
    this.setLevel(this.view.options.level);
    renderPeople(this.people, this.me);
    this.renderVoice();
    this.page.onLanguage?.();
    this.render();
    this.renderNumbers();
  }

  /** The state as it must be shown: what the relay said last, or what its silence means. */
  effective(): Shown {
    const { link, state } = this;
    if (link.link === 'open') return state;
    const silence = link.silence();
    return {
      ...state,
      system: { state: link.link === 'lost' ? 'relay_lost' : 'connecting', reasons: [] },
      picture: { ...state.picture, state: link.link, silent_ms: silence },
      advice: link.link === 'lost' ? whenSilent(state.advice, silence) : UNKNOWN.advice,
    };
  }

  render(): void {
    const shown = this.effective();
    setData(document.body, 'link', this.link.link);
    setData(byId('system'), 'state', shown.system.state);
    setText(byId('system-word'), words().system[shown.system.state] ?? shown.system.state);
    setData(byId('stage'), 'picture', shown.picture.state);
    this.renderNotice(shown.picture);
    byId('withheld').hidden = !shown.picture.withheld;
    this.view.options.highlight = (shown.advice.status === 'valid' && shown.advice.highlight) || '';
    this.card.render(shown.advice);
    renderReasons(shown.system);
    renderAlarms(shown.alarms, this.page.alarmExtra);
    renderAudio(this.state);
    this.page.onRender?.(shown);
  }

  private hello(message: Hello): void {
    if (message.session !== this.session) this.view.reset(); // another relay, perhaps another clock
    this.session = message.session;
    this.me = message.you;
    this.login.hello(message.you);
    setData(document.body, 'role', message.you?.role ?? '');
    setData(document.body, 'draws', String(this.may('annotate')));
    this.marks.reset(message.marks);
    this.video.hello(message.video ?? null);
    byId('people-card').hidden = !this.may('participants');
    if (this.me?.may.includes('participants')) this.link.send({ op: 'participants' });
    this.page.onHello?.(message);
  }

  private renderNotice({ state, silent_ms: silent = 0 }: Shown['picture']): void {
    const word = words();
    const ago = seconds(silent);
    const refusal = this.link.refusal ? word.refused(this.link.refusal) : '';
    const notices: Record<Shown['picture']['state'], [string, string]> = {
      live: ['', ''],
      open: ['', ''],
      stopped: [word.frozen, word.frozenDetail(ago)],
      none: [word.waiting, word.waitingDetail()],
      lost: [word.lost, refusal || word.lostDetail(ago)],
      connecting: [word.connecting, refusal],
    };
    const [title, detail] = notices[state];
    setText(byId('notice-word'), title);
    setText(byId('notice-detail'), detail);
  }

  private renderNumbers(): void {
    const live = this.link.link === 'open' && this.state.picture.state === 'live';
    const delay = live ? this.view.delay() : NaN;
    const verdict = judge(delay);
    const connection = judgeLink(this.link);
    setText(byId('delay'), Number.isFinite(delay) ? `${Math.round(delay)} ${words().ms}` : '–');
    setText(byId('delay-word'), verdict ? words()[verdict] : '');
    setData(byId('delay-word'), 'verdict', verdict);
    setText(byId('connection'), connection ? words()[connection] : '–');
    setData(byId('connection'), 'verdict', connection);
    this.login.render();
    this.page.onNumbers?.();
  }

  private setLevel(level: Level): void {
    this.view.options.level = level;
    localStorage.setItem(LEVEL_KEPT, level);
    setText(byId('outlines-word'), words()[`outlines${level}`]);
    this.view.redraw();
  }
}

/** Call what a key stands for, but not while somebody types or a browser's own key is meant. */
export function onKeys(keys: Record<string, () => void>): void {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (document.querySelector('dialog[open]')) return;
    keys[event.key.toLowerCase()]?.();
  });
}

export { audioPause };
