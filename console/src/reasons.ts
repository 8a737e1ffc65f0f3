// Why the state is what it is, in the page's language. The guidance says its reasons in English, with numbers in them.

import table from './reasons.json';
import { current, words } from './words.js';

const SEVERAL = '; ';

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const KNOWN = Object.entries(table).map(([english, chinese]) =>
  ({ pattern: new RegExp(`^${english.split('{}').map(literally).join('(.+?)')}$`), chinese }));

/** A reason as people read it; as it came where it is not known: what a driver says, for one. */
export function told(reason: string): string {
  return current() === 'zh' ? inChinese(reason) : reason;
}

function inChinese(reason: string): string {
  const parts: Record<string, string> = { ...words().stages, ...words().parts };
  const [, stage = '', what = ''] = /^(\w+): (.+)$/.exec(reason) ?? [];
  if (parts[stage]) return `${parts[stage]}：${inChinese(what)}`;
  for (const { pattern, chinese } of KNOWN) {
    const found = pattern.exec(reason)?.slice(1).map(inChinese);
    if (found) return chinese.replace(/{}/g, () => found.shift() ?? '');
  }
  return parts[reason] ?? (reason.includes(SEVERAL) ? reason.split(SEVERAL).map(inChinese).join('；') : reason);
}
