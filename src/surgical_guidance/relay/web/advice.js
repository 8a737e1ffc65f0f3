// The one piece of advice: large, with its priority, its age, and never looking current when it is not.

import { byId, make, rebuild, setData, setText, seconds } from './page.js';
import { choose, current, words } from './words.js';

export const STARS = ['', '*', '**', '***']; // IEC 60601-1-8

/** What a state means once nothing has come from the relay for a while [ms]. */
export function whenSilent(advice, silence) {
  const lost = { ...advice, why: 'relay_lost', since_ms: silence };
  const holds = ['valid', 'interrupted'].includes(advice.status) && advice.remaining_ms > silence;
  if (!holds) return { status: 'unavailable', why: 'relay_lost', since_ms: silence };
  return { ...lost, status: 'interrupted', age_ms: advice.age_ms + silence };
}

export class AdviceCard {
  constructor() {
    this.card = byId('advice');
    this.button = byId('evidence-button');
    this.evidence = byId('evidence');
    this.button.addEventListener('click', () => this.toggleEvidence());
    this.spoken = '';
  }

  toggleEvidence() {
    if (!this.button.hidden) this.openEvidence(this.evidence.hidden);
  }

  openEvidence(open) {
    this.evidence.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
  }

  render(advice) {
    const word = words();
    const speaks = ['valid', 'interrupted', 'withdrawn'].includes(advice.status);
    const priority = speaks ? advice.priority : 0;
    const reason = [word.why[advice.why], advice.reason].filter(Boolean).join(' · ');
    setData(this.card, 'status', advice.status);
    setData(this.card, 'priority', String(priority));
    setText(byId('mark-stars'), STARS[priority] ?? '');
    setText(byId('mark-word'), word.priority[priority] ?? '');
    setText(byId('stamp'), advice.status === 'valid' || advice.status === 'none' ? '' : word.status[advice.status]);
    const text = this.mainText(advice, speaks);
    rebuild(byId('text'), text, () => clauses(text).map(clause => make('span', {}, clause)));
    setText(byId('why'), advice.status === 'valid' ? '' : reason);
    this.renderAge(advice, speaks);
    this.renderEvidence(speaks ? advice.evidence : []);
    this.speak(advice, speaks);
  }

  mainText(advice, speaks) {
    if (speaks) return choose(advice.text);
    return advice.status === 'none' ? words().calm : words().holdOn;
  }

  renderAge(advice, speaks) {
    const age = advice.status === 'valid' || advice.status === 'withdrawn' ? advice.age_ms : advice.since_ms;
    const known = advice.status !== 'none' && age !== undefined;
    setText(byId('age-number'), known ? `${seconds(age)} ${words().seconds}` : '');
    const word = { valid: 'shownFor', withdrawn: 'withdrawnNow' }[advice.status] ?? 'interruptedFor';
    setText(byId('age-word'), known ? words()[word] : '');
    this.button.hidden = !speaks;
    if (!speaks) this.openEvidence(false);
  }

  renderEvidence(evidence) {
    rebuild(byId('evidence-list'), [evidence, current()], () => {
      if (!evidence.length) return [make('dt', {}, words().noEvidence)];
      return evidence.flatMap(item => [make('dt', {}, item.name), make('dd', { class: 'number' }, measured(item))]);
    });
  }

  /** For a screen reader: once for each change of the advice, not for each of its ages. */
  speak(advice, speaks) {
    const key = [advice.sequence, advice.status, advice.why, current()].join();
    if (key === this.spoken) return;
    this.spoken = key;
    const state = advice.status === 'valid' ? words().priority[advice.priority] : words().status[advice.status];
    setText(byId('spoken'), [state, speaks ? choose(advice.text) : this.mainText(advice, speaks)].join(': '));
  }
}

/** Split a text after its punctuation: lines break there first. */
const clauses = text => text.match(/.+?(?:[，。；！？]|[,.;!?]\s|$)/gu) ?? [];

function measured({ value, sigma, unit }) {
  const suffix = unit && unit !== '1' ? ` ${unit}` : '';
  if (value === null) return words().unknown;
  if (sigma !== null) return `${value} ± ${sigma}${suffix}`;
  return unit === 'mm' ? `${value}${suffix} (${words().sigmaUnknown})` : `${value}${suffix}`;
}
