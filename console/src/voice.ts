// Voices: a microphone and an ear, each with a switch that is off at first. Audio goes over the peer of the video.

type Send = (message: { op: string } & Record<string, unknown>) => void;

const MICROPHONE = 'voice0'; // the line of the offer that takes it

export class Voice {
  speaking = false;
  listening = false;
  private microphone: MediaStream | null = null;
  private line: RTCRtpTransceiver | undefined;
  private readonly heard: { track: MediaStreamTrack; element: HTMLAudioElement }[] = [];

  /**
   * @param send says something to the relay
   * @param onChange is told when a switch has moved
   * @param onTrouble is told when there is no microphone, or it may not be used
   */
  constructor(private readonly send: Send, private readonly onChange: () => void, private readonly onTrouble: () => void) {}

  /** Take a new peer whose offer was read and whose answer is not made yet. */
  join(peer: RTCPeerConnection): void {
    this.leave();
    this.line = peer.getTransceivers().find(({ mid }) => mid === MICROPHONE);
    if (this.line) this.line.direction = 'sendrecv';
  }

  /** The answer has gone: what was heard is to be heard again. */
  joined(): void {
    if (this.listening) this.send({ op: 'audio.listen', on: true });
  }

  /** The peer is gone. The microphone is turned off: nobody shall speak who has not just said so. */
  leave(): void {
    for (const { element } of this.heard.splice(0)) element.remove();
    this.line = undefined;
    this.silence();
  }

  /** Take a voice. */
  hear(track: MediaStreamTrack): void {
    const element = document.createElement('audio');
    document.body.append(element);
    this.heard.push({ track, element });
    this.play();
  }

  /** Let the voices sound, or not: what only is muted takes 3 % of a core for nothing. */
  private play(): void {
    for (const { track, element } of this.heard) {
      element.srcObject = this.listening ? new MediaStream([track]) : null;
      if (this.listening) void element.play().catch(() => undefined); // at the first gesture only; listening is one
    }
  }

  listen(on: boolean): void {
    this.listening = on;
    this.play();
    this.send({ op: 'audio.listen', on });
    this.onChange();
  }

  async speak(on: boolean): Promise<void> {
    if (!on || !this.line) {
      if (this.speaking) this.send({ op: 'audio.speak', on: false });
      this.silence();
      return;
    }
    const { line } = this;
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      this.microphone = await navigator.mediaDevices.getUserMedia({ audio });
      await line.sender.replaceTrack(this.microphone.getAudioTracks()[0] ?? null);
    } catch {
      this.silence();
      this.onTrouble();
      return;
    }
    if (line !== this.line) {
      this.silence(); // the peer went while the browser asked
      return;
    }
    this.speaking = true;
    this.send({ op: 'audio.speak', on: true });
    this.onChange();
  }

  private silence(): void {
    for (const track of this.microphone?.getTracks() ?? []) track.stop(); // the browser's own sign goes out
    this.microphone = null;
    void this.line?.sender.replaceTrack(null).catch(() => undefined);
    this.speaking = false;
    this.onChange();
  }
}
