// Speaking and listening over the video's connection: a switch each, off at first. The relay drops what is said into a
// microphone that is off, whatever this page does.

import { byId, setText, tell } from './page.js';
import type { Speaker } from './protocol.js';
import { words } from './words.js';

type Send = (message: { op: string } & Record<string, unknown>) => void;

export class Voice {
  private speaking = false;
  private listening = false;
  private microphone: RTCRtpTransceiver | undefined;
  private sound: MediaStream | null = null;
  private heard: HTMLAudioElement[] = [];
  private who: Speaker[] = [];

  /** @param me gives the id of this connection */
  constructor(private readonly send: Send, private readonly me: () => string | undefined) {
    byId('speak').addEventListener('click', () => void this.speak(!this.speaking));
    byId('listen').addEventListener('click', () => this.listen(!this.listening));
    this.render();
  }

  /** Take a connection whose offer is in place, before it is answered. */
  attach(peer: RTCPeerConnection, offer: string): void {
    const audio = peer.getTransceivers().filter(({ receiver }) => receiver.track.kind === 'audio');
    this.microphone = /m=audio[^]*?a=sendrecv/.test(offer) ? audio[0] : undefined;
    if (this.microphone) this.microphone.direction = 'sendrecv'; // so that a microphone may come later
    byId('listen').hidden = !audio.length;
    byId('speak').hidden = !this.microphone;
  }

  /** The connection is answered: the switches stand as they stood. */
  ready(): void {
    if (this.listening) this.send({ op: 'audio.listen', on: true });
    if (this.speaking) void this.speak(true);
  }

  /** There is no connection (any more). */
  detach(): void {
    this.microphone = undefined;
    this.heard.forEach(element => { element.srcObject = null; });
    this.heard = [];
    byId('listen').hidden = byId('speak').hidden = true;
  }

  /** Take a voice of somebody else. */
  track(track: MediaStreamTrack): void {
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    element.muted = !this.listening;
    element.play().catch(() => { /* it plays once somebody has touched the page: the switch does */ });
    this.heard.push(element);
  }

  takeSpeaking(who: Speaker[]): void {
    this.who = who;
    this.render();
  }

  listen(on: boolean): void {
    this.listening = on;
    for (const element of this.heard) {
      element.muted = !on;
      if (on) element.play().catch(() => tell(words().noSound));
    }
    this.send({ op: 'audio.listen', on });
    this.render();
  }

  async speak(on: boolean): Promise<void> {
    try {
      if (on) this.sound ??= await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
      else this.hangUp();
      await this.microphone?.sender.replaceTrack(this.sound?.getAudioTracks()[0] ?? null);
    } catch {
      this.hangUp();
      tell(words().noMicrophone);
      on = false;
    }
    this.speaking = on;
    this.send({ op: 'audio.speak', on });
    this.render();
  }

  render(): void {
    const { micOn, micOff, listenOn, listenOff, speaks } = words();
    byId('speak').setAttribute('aria-pressed', String(this.speaking));
    byId('listen').setAttribute('aria-pressed', String(this.listening));
    for (const [id, word] of [['speak', this.speaking ? micOn : micOff], ['listen', this.listening ? listenOn : listenOff]] as const) {
      setText(byId(`${id}-word`), word);
      byId(id).title = word;
    }
    const others = this.who.filter(({ id }) => id !== this.me()).map(({ name }) => name);
    setText(byId('speaking'), others.length ? speaks(others.join(', ')) : '');
  }

  private hangUp(): void {
    this.sound?.getTracks().forEach(track => track.stop());
    this.sound = null;
  }
}
