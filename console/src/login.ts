// Who one is to the relay: where it asks for a token, a token buys a ticket, and a ticket opens the socket once.

import { byId, make, rebuild, setText } from './page.js';
import type { Me } from './protocol.js';
import { current, words } from './words.js';

const KEPT = 'surgical-guidance.token'; // for this tab, until it is closed
const WARN_S = 120; // before a token ends

/** WebSocket close codes of the relay, and the word that says why. */
const ENDINGS: Record<number, 'endExpired' | 'endRevoked' | 'endEnded'> = { 4001: 'endExpired', 4002: 'endRevoked', 4003: 'endEnded' };

interface Ticket {
  ticket: string;
  open?: boolean;
}

export class Login {
  private token = sessionStorage.getItem(KEPT) ?? '';
  private open = false; // the relay asks nobody for a token
  private asking = false;
  private reason = '';
  private me: Me | undefined;
  private ends = Infinity; // on the page's clock [ms]

  /** @param enter is called when somebody may try (again) */
  constructor(private readonly enter: () => void, private readonly renew: (ticket: string) => void) {
    const { hash } = location;
    if (hash.startsWith('#token=')) { // never sent to the relay by the browser; and not to stay in the address
      this.keep(decodeURIComponent(hash.slice('#token='.length)));
      history.replaceState(null, '', location.pathname);
    }
    byId('login').addEventListener('submit', event => {
      event.preventDefault();
      void this.submit();
    });
    byId('renew').addEventListener('click', () => this.ask(''));
  }

  /** Give the address of the socket; null while a token is being waited for. */
  async address(): Promise<string | null> {
    const socket = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
    if (this.open) return socket;
    if (this.asking) return null;
    try {
      const ticket = await this.buy();
      if (!ticket) return null;
      this.open = ticket.open ?? false;
      return this.open ? socket : `${socket}?ticket=${encodeURIComponent(ticket.ticket)}`;
    } catch {
      return null; // the relay is not there
    }
  }

  /** Take who the relay says one is. */
  hello(me: Me | undefined): void {
    this.me = me;
    this.open = me?.open ?? this.open;
    this.extend(me?.token_expires_in ?? null);
    this.close();
  }

  extend(left: number | null): void {
    this.ends = left === null ? Infinity : performance.now() + 1000 * left;
    this.close();
  }

  /** Take the end of the socket; true if it is one that one must come back from by hand. */
  ended(code: number): boolean {
    const why = ENDINGS[code];
    if (!why) return false;
    if (why !== 'endEnded' || !this.open) this.keep('');
    this.me = undefined;
    this.ends = Infinity;
    this.ask(words()[why]);
    return true;
  }

  render(): void {
    const left = (this.ends - performance.now()) / 1000;
    byId('renew').hidden = !(left < WARN_S);
    setText(byId('renew'), left < WARN_S ? words().endsIn(Math.max(0, Math.round(left))) : '');
    const { me } = this;
    rebuild(byId('me'), [me?.name, me?.role, me?.open, current()], () => {
      if (me?.open) return [make('span', { title: words().noTokensDetail }, words().noTokens)];
      return me ? [make('strong', {}, me.name), ` ${words().roles[me.role] ?? me.role}`] : [];
    });
    setText(byId('login-reason'), this.reason);
    setText(byId('login-detail'), this.open ? '' : words().loginDetail);
    byId('token-field').hidden = this.open;
  }

  private async submit(): Promise<void> {
    const field = byId<HTMLInputElement>('token');
    if (this.open) {
      this.close();
      this.enter();
      return;
    }
    this.keep(field.value.trim());
    field.value = '';
    this.asking = false;
    if (this.me && this.ends > performance.now()) {
      const ticket = await this.buy();
      if (ticket) this.renew(ticket.ticket);
      return;
    }
    this.enter();
  }

  /** Buy a ticket; undefined, and the person is asked, where the relay wants a better token. */
  private async buy(): Promise<Ticket | undefined> {
    const headers: Record<string, string> = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch('/ticket', { method: 'POST', headers });
    if (answer.ok) return await answer.json() as Ticket;
    if (answer.status === 404) return { ticket: '', open: true };
    if (answer.status === 401 || answer.status === 429) {
      this.ask(answer.status === 429 ? words().tooMany : this.token ? words().loginFailed : this.reason);
      this.keep('');
    }
    return undefined;
  }

  private ask(reason: string): void {
    this.asking = true;
    this.reason = reason;
    byId('login').hidden = false;
    this.render();
    if (!this.open) byId('token').focus();
  }

  private close(): void {
    this.asking = false;
    this.reason = '';
    byId('login').hidden = true;
    this.render();
  }

  private keep(token: string): void {
    this.token = token;
    if (token) sessionStorage.setItem(KEPT, token);
    else sessionStorage.removeItem(KEPT);
  }
}
