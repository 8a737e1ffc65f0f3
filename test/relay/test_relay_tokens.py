"""Tokens: who is believed, and for how long."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security import Principal, Role, Tickets, TokenStore

NOW_S = 1_800_000_000


class Wall:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.s = float(NOW_S)

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def store(tmp_path: Path, wall: Wall) -> TokenStore:
    return TokenStore(tmp_path / 'tokens', wall)


def test_a_token_tells_who_somebody_is_and_until_when(store: TokenStore) -> None:
    token, issued = store.issue('李医生', Role.EXPERT, 2.0)
    principal = store.verify(token, 'c1')
    assert principal == Principal('李医生', Role.EXPERT, 'c1', issued.id, (NOW_S + 7200) * 10**9)
    assert store.issued() == [issued]


def test_the_key_is_its_owners_alone_and_tokens_are_kept_nowhere(store: TokenStore) -> None:
    token, _ = store.issue('a', Role.ADMIN, 1.0)
    assert stat.S_IMODE((store.folder / 'key.pem').stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert not any(token[-20:] in file.read_text() for file in store.folder.iterdir())
    (store.folder / 'key.pem').chmod(0o644)
    with pytest.raises(AccessError, match='others may read this key.*chmod 600'):
        store.issue('b', Role.ADMIN, 1.0)


def test_the_relay_needs_the_public_key_alone(store: TokenStore, wall: Wall, tmp_path: Path) -> None:
    token, _ = store.issue('a', Role.OBSERVER, 1.0)
    (tmp_path / 'relay').mkdir()
    (tmp_path / 'relay/public.pem').write_bytes((store.folder / 'public.pem').read_bytes())
    assert TokenStore(tmp_path / 'relay', wall).verify(token).role is Role.OBSERVER
    with pytest.raises(AccessError, match='no key for tokens.*token issue'):
        TokenStore(tmp_path / 'nowhere').public_key()


def test_a_token_ends(store: TokenStore, wall: Wall) -> None:
    token, _ = store.issue('a', Role.EXPERT, 1.0)
    wall.s += 3599
    store.verify(token)
    wall.s += 1
    with pytest.raises(AccessError, match='has expired'):
        store.verify(token)


def test_a_token_of_the_future_is_not_believed_beyond_what_clocks_differ(store: TokenStore, wall: Wall) -> None:
    token, _ = store.issue('a', Role.EXPERT, 1.0)
    wall.s -= 29
    store.verify(token)
    wall.s -= 2
    with pytest.raises(AccessError, match='not valid yet'):
        store.verify(token)


def claims(store: TokenStore, **changes: object) -> dict[str, object]:
    """What a good token says, but for some of it."""
    token, _ = store.issue('a', Role.EXPERT, 1.0)
    good = jwt.decode(token, options={'verify_signature': False}) | changes
    return {name: value for name, value in good.items() if value is not None}


@pytest.mark.parametrize(
    'change',
    [
        {'iss': 'somebody'},
        {'aud': 'another-service'},
        {'role': 'root'},
        {'role': ['admin']},
        {'exp': None},
        {'exp': 'never'},
        {'exp': 10**30},
        {'nbf': None},
        {'jti': None},
        {'iss': None},
        {'aud': None},
        {'sub': None},
        {'iat': None},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_or_missing_is_refused_though_the_signature_is_good(
    store: TokenStore, change: dict[str, object]
) -> None:
    told = claims(store, **change)
    token = jwt.encode(told, (store.folder / 'key.pem').read_text(), 'EdDSA')
    if change.get('exp') == 10**30:
        assert store.verify(token).expires_ns == 10**39  # far away, and no overflow
        return
    with pytest.raises(AccessError, match='not valid'):
        store.verify(token)


def test_only_our_key_and_our_algorithm_count(store: TokenStore) -> None:
    told = claims(store)
    others = [
        jwt.encode(told, Ed25519PrivateKey.generate(), 'EdDSA'),
        jwt.encode(told, '', 'none'),
        jwt.encode(told, 'k' * 32, 'HS256'),
        'a.b.c',
        '',
        'x' * 100_000,
    ]
    for token in others:
        with pytest.raises(AccessError):
            store.verify(token)


def test_a_revoked_token_is_seen_by_a_running_relay_and_never_forgotten(store: TokenStore, wall: Wall) -> None:
    relay = TokenStore(store.folder, wall)
    token, issued = store.issue('a', Role.EXPERT, 1.0)
    relay.verify(token)
    assert not relay.refresh()
    store.revoke(issued.id, 'test')
    assert relay.refresh()
    assert not relay.refresh()  # unchanged
    with pytest.raises(AccessError, match='was revoked'):
        relay.verify(token)
    (store.folder / 'revoked.jsonl').unlink()
    relay.refresh()
    assert relay.is_revoked(issued.id)


def test_a_broken_list_of_revoked_tokens_is_told_with_its_line_and_half_a_line_is_waited_for(
    store: TokenStore,
) -> None:
    _, issued = store.issue('a', Role.EXPERT, 1.0)
    store.revoke(issued.id, 'test')
    with (store.folder / 'revoked.jsonl').open('a') as file:
        file.write('{"id": "half')
    store.refresh()
    with (store.folder / 'revoked.jsonl').open('a') as file:
        file.write('\n')
    with pytest.raises(AccessError, match=r'revoked.jsonl:2: this line is broken'):
        store.refresh()
    assert store.is_revoked(issued.id)


@pytest.mark.parametrize('name', ['', 'x' * 41, '<b>', 'a\nb', ' a'])
def test_a_name_that_could_do_harm_where_it_is_shown_is_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(AccessError, match='cannot be a name'):
        store.issue(name, Role.EXPERT, 1.0)


@pytest.mark.parametrize('hours', [0, -1, 10_000, float('nan'), float('inf')])
def test_no_token_lasts_for_ever(store: TokenStore, hours: float) -> None:
    with pytest.raises(AccessError, match='hours'):
        store.issue('a', Role.EXPERT, hours)


def test_a_ticket_is_good_once_and_for_thirty_seconds() -> None:
    now = [0]
    tickets = Tickets(lambda: now[0])
    guest = Principal('a', Role.EXPERT, '')
    ticket = tickets.sell(guest)
    assert tickets.redeem(ticket) == guest
    with pytest.raises(AccessError, match='not valid'):
        tickets.redeem(ticket)
    late = tickets.sell(guest)
    now[0] += 30 * 10**9 + 1
    with pytest.raises(AccessError, match='not valid'):
        tickets.redeem(late)
    with pytest.raises(AccessError, match='not valid'):
        tickets.redeem('')


def test_tickets_that_nobody_uses_cost_no_memory() -> None:
    tickets = Tickets()
    first = tickets.sell(Principal('a', Role.EXPERT, ''))
    for _ in range(1024):
        tickets.sell(Principal('a', Role.EXPERT, ''))
    with pytest.raises(AccessError):
        tickets.redeem(first)
