"""A self-signed certificate for a trial. In a hospital, its own authority makes the certificate."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security.tokens import write_private

CERTIFICATE = 'certificate.pem'
KEY = 'certificate.key'


def make_certificate(folder: Path, names: Sequence[str], days: int) -> str:
    """Write ``certificate.pem`` and ``certificate.key`` (readable by its owner alone) into a folder.

    :param names: host names and addresses that browsers will ask for.
    :return: the SHA-256 fingerprint, as browsers show it.
    :raises AccessError: if there is a pair already, or a name cannot be one.
    """
    for name in (CERTIFICATE, KEY):
        if (folder / name).exists():
            raise AccessError('there is one already', where=str(folder / name), remedy='move it away, or use it')
    try:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    except ValueError as error:
        raise AccessError(f'this cannot be a name ({error})', where='name') from error
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(folder / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / CERTIFICATE).write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate.fingerprint(SHA256()).hex(':').upper()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
