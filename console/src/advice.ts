// The one piece of advice: large, with its priority, its age, and never looking current when it is not.

import { byId, make, rebuild, seconds, setData, setText } from './page.js';
import type { Advice, Evidence } from './protocol.js';
import { told } from './reasons.js';
import { choose, current, words } from './words.js';

export const STARS = ['', '*', '**', '***']; // IEC 60601-1-8

/** What a state means once nothing has come from the relay for a while [ms]. */
export function whenSilent(advice: Advice, silence: number): Advice {
  const lost = { ...advice, why: 'relay_lost', since_ms: silence };
  const holds = ['valid', 'interrupted'].includes(advice.status) && (advice.remaining_ms ?? 0) > silence;
  if (!holds) return { status: 'unavailable', why: 'relay_lost', since_ms: silence };
  return { ...lost, status: 'interrupted', age_ms: (advice.age_ms ?? 0) + silence };
}

export class AdviceCard {
  private readonly card = byId('advice');
  private readonly button = byId('evidence-button');
  private readonly evidence = byId('evidence');
  private spoken = '';

  constructor() {
    this.button.addEventListener('click', () => this.toggleEvidence());
  }

  toggleEvidence(): void {
    if (!this.button.hidden) this.openEvidence(this.evidence.hidden);
  }

  private openEvidence(open: boolean): void {
    this.evidence.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
  }

  render(advice: Advice): void {
    const word = words();
    const speaks = ['valid', 'interrupted', 'withdrawn'].includes(advice.status);
    const priority = (speaks && advice.priority) || 0;
    const reason = [word.why[advice.why], told(advice.reason ?? '')].filter(Boolean).join(' · ');
    setData(this.card, 'status', advice.status);
    setData(this.card, 'priority', String(priority));
    setText(byId('mark-stars'), STARS[priority] ?? '');
    setText(byId('mark-word'), word.priority[priority] ?? '');
    setText(byId('stamp'), advice.status === 'valid' || advice.status === 'none' ? '' : word.status[advice.status] ?? '');
    const text = this.mainText(advice, speaks);
    rebuild(byId('text'), text, () => clauses(text).map(clause => make('span', {}, clause)));
    setText(byId('why'), advice.status === 'valid' ? '' : reason);
    this.renderAge(advice, speaks);
    this.renderEvidence((speaks && advice.evidence) || []);
    this.speak(advice, speaks);
  }

  private mainText(advice: Advice, speaks: boolean): string {
    if (speaks) return choose(advice.text);
    return advice.status === 'none' ? words().calm : words().holdOn;
  }

  private renderAge(advice: Advice, speaks: boolean): void {
    const age = advice.status === 'valid' || advice.status === 'withdrawn' ? advice.age_ms : advice.since_ms;
    const known = advice.status !== 'none' && age !== undefined;
    setText(byId('age-number'), known ? `${seconds(age)} ${words().seconds}` : '');
    const { shownFor, withdrawnNow, interruptedFor } = words();
    const word = advice.status === 'valid' ? shownFor : advice.status === 'withdrawn' ? withdrawnNow : interruptedFor;
    setText(byId('age-word'), known ? word : '');
    this.button.hidden = !speaks;
    if (!speaks) this.openEvidence(false);
  }

  private renderEvidence(evidence: Evidence[]): void {
    rebuild(byId('evidence-list'), [evidence, current()], () => {
      if (!evidence.length) return [make('dt', {}, words().noEvidence)];
      return evidence.flatMap(item => [make('dt', {}, item.name), make('dd', { class: 'number' }, measured(item))]);
    });
  }

  /** For a screen reader: once for each change of the advice, not for each of its ages. */
  private speak(advice: Advice, speaks: boolean): void {
    const key = [advice.sequence, advice.status, advice.why, current()].join();
    if (key === this.spoken) return;
    this.spoken = key;
    const state = advice.status === 'valid' ? words().priority[advice.priority ?? 0] : words().status[advice.status];
    setText(byId('spoken'), [state, speaks ? choose(advice.text) : this.mainText(advice, speaks)].join(': '));
  }
}

/** Split a text after its punctuation: lines break there first. */
const clauses = (text: string): string[] => text.match(/.+?(?:[，。；！？]|[,.;!?]\s|$)/gu) ?? [];

function measured({ value, sigma, unit }: Evidence): string {
  const suffix = unit && unit !== '1' ? ` ${unit}` : '';
  if (value === null) return words().unknown;
  if (sigma !== null) return `${value} ± ${sigma}${suffix}`;
  return unit === 'mm' ? `${value}${suffix} (${words().sigmaUnknown})` : `${value}${suffix}`;
}
