// Who is here: everybody who watches from elsewhere.

import { byId, make, rebuild } from './page.js';
import type { Me, Participant } from './protocol.js';
import { current, words } from './words.js';

export function renderPeople(people: Participant[], me: Me | undefined): void {
  rebuild(byId('people'), [people.map(({ id, name, role, speaking }) => [id, name, role, speaking]), me?.id, current()], () => {
    if (!people.length) return [make('li', { class: 'calm' }, words().nobody)];
    return people.map(({ id, name, role, speaking }) => make('li', { 'data-role': role, 'data-id': id },
      make('strong', {}, name),
      make('small', {}, [words().roles[role] ?? role, id === me?.id ? words().you : '', speaking ? words().speaking : '']
        .filter(Boolean).join(' · '))));
  });
}
