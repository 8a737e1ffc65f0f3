"""The commands ``token`` (who may use the relay from elsewhere) and ``audit`` (what they did)."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from surgical_guidance.errors import AccessError

token_app = typer.Typer(
    name='token',
    no_args_is_help=True,
    rich_markup_mode='markdown',
    help='Who may use the relay from elsewhere: tokens, and a certificate for a trial (docs/security.md).',
)
audit_app = typer.Typer(name='audit', no_args_is_help=True, help="The relay's audit log: who did what, and when.")
console = Console()
errors = Console(stderr=True)

ROLES = 'expert: see, draw, speak; observer: see; surgeon: answer, silence, see who is here, end; admin: everything'


def _default_folder() -> Path:
    base = os.environ.get('XDG_CONFIG_HOME')
    return (Path(base) if base else Path('~/.config').expanduser()) / 'surgical-guidance/tokens'


Folder = Annotated[
    Path | None,
    typer.Option(
        '--dir', help='Folder of the tokens (the parameter token_dir); by default ~/.config/surgical-guidance/tokens.'
    ),
]


@token_app.command()
def issue(
    role: Annotated[str, typer.Option(help=f'What they may do. {ROLES}.')],
    name: Annotated[str, typer.Option(help='Under which name others see them, and the audit log. Never a patient.')],
    hours: Annotated[float, typer.Option(min=0.01, max=744, help='How long it is good.')] = 8.0,
    folder: Folder = None,
) -> None:
    """Make a token and print it. It is kept nowhere: give it to its owner by a safe way, once.

    The first one makes the key of this host, readable by you alone.

    Example: `surgical-guidance token issue --role expert --name "Dr Li" --hours 4`
    """
    from surgical_guidance.relay.security import Role, TokenStore

    if role not in set(Role):
        raise AccessError(f'there is no role {role!r}', where='role', remedy=f'there are: {", ".join(Role)}')
    store = TokenStore(folder or _default_folder())
    token, issued = store.issue(name, Role(role), hours)
    errors.print(
        Text(
            f'{issued.role} {issued.name}, token {issued.id}, until {_when(issued.expires)}. To take it back: '
            f'surgical-guidance token revoke {issued.id}\n'
            f'The page asks for it, or open https://HOST:PORT/#token=TOKEN (what follows the # stays in the browser).\n'
            f'The relay needs: token_dir: {store.folder}',
            style='cyan',
        ),
        soft_wrap=True,
    )
    typer.echo(token)


@token_app.command()
def revoke(
    token: Annotated[str, typer.Argument(help='Its number, as `token list` shows it.')] = '',
    name: Annotated[str, typer.Option(help='Every token of that name instead.')] = '',
    folder: Folder = None,
) -> None:
    """Take a token back. A running relay closes its connections within about a second."""
    from surgical_guidance.relay.security import TokenStore

    store = TokenStore(folder or _default_folder())
    meant = [entry for entry in store.issued() if (token and entry.id == token) or (name and entry.name == name)]
    if not meant:
        raise AccessError(
            f'there is no token {token or name!r}' if token or name else 'which one?',
            where=str(store.folder),
            remedy='`surgical-guidance token list` names them',
        )
    for entry in meant:
        store.revoke(entry.id, by='command line')
        console.print(Text(f'revoked: {entry.role} {entry.name}, token {entry.id}'))


@token_app.command('list')
def list_tokens(folder: Folder = None) -> None:
    """List what was issued, and what is still good. The tokens themselves are kept nowhere."""
    from surgical_guidance.relay.security import TokenStore

    store = TokenStore(folder or _default_folder())
    store.refresh()
    table = Table(title=str(store.folder), title_justify='left')
    for column in ('token', 'name', 'role', 'issued', 'until', 'state'):
        table.add_column(column, overflow='fold', no_wrap=column == 'token')  # the number must be there to be copied
    for entry in store.issued():
        state = Text('good', style='green')
        if store.is_revoked(entry.id):
            state = Text('revoked', style='red')
        elif time.time() >= entry.expires:
            state = Text('expired', style='yellow')
        table.add_row(entry.id, Text(entry.name), entry.role.value, _when(entry.issued), _when(entry.expires), state)
    console.print(table)


@token_app.command()
def certificate(
    name: Annotated[
        list[str] | None,
        typer.Option(help='A host name or address that browsers will ask for; again for each further one.'),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=398, help='How long it is good.')] = 30,
    folder: Annotated[
        Path | None, typer.Option('--dir', help='Where to; by default the folder `tls` beside the tokens.')
    ] = None,
) -> None:
    """Make a self-signed certificate, for a trial. Browsers warn of it: compare the fingerprint before you go on.

    Example: `surgical-guidance token certificate --name or1.example --name 192.0.2.7`
    """
    from surgical_guidance.relay.security.certificate import CERTIFICATE, KEY, make_certificate

    where = folder or _default_folder().parent / 'tls'
    names = name or ['localhost', '127.0.0.1']
    fingerprint = make_certificate(where, names, days)
    console.print(
        Text(
            f'for {", ".join(names)}, {days} days\nSHA-256 {fingerprint}\nThe relay needs:\n'
            f'  tls_certificate: {where / CERTIFICATE}\n  tls_key: {where / KEY}'
        ),
        soft_wrap=True,
    )


@audit_app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help='The log; rotated ones before it, the oldest first.')],
) -> None:
    """Tell whether the log is whole, and where it breaks if it is not: records changed, removed, added or moved.

    Example: `surgical-guidance audit verify audit.jsonl.1 audit.jsonl`
    """
    from surgical_guidance.relay.security.audit_chain import verify as look

    verdict = look(files)
    if verdict.holds:
        start = 'from its start' if verdict.begins == 0 else f'it goes on after record {verdict.begins}'
        console.print(
            Text(f'whole: {verdict.records} records, {start}; the last is {verdict.head.number}, {verdict.head.hash}'),
            soft_wrap=True,
        )
        return
    errors.print(
        Text(f'{verdict.where}: {verdict.what}. {verdict.records} records before it are whole.', style='red'),
        soft_wrap=True,
    )
    raise typer.Exit(1)


def _when(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime('%Y-%m-%d %H:%M UTC')
