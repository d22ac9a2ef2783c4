# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of a test's own, and a certificate for names of this machine."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificates(NamedTuple):
    """Files in PEM.

    :ivar ca: certificate of the authority.
    :ivar certificate: of the servers.
    :ivar key: of the servers.
    """

    ca: Path
    certificate: Path
    key: Path


def make(folder: Path, *names: str) -> Certificates:
    """An authority, which is forgotten at once, and a certificate of it for these names."""
    found = Certificates(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    own = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    ca = _blank(issuer, issuer, authority.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True).add_extension(own, critical=False)
    usage = {name: name in ("key_cert_sign", "crl_sign") for name in _USES}
    ca = ca.add_extension(x509.KeyUsage(**usage), critical=True)
    leaf = _blank(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), issuer, key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
    found.ca.write_bytes(ca.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    found.certificate.write_bytes(leaf.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    found.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    found.key.chmod(0o600)
    return found


_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only")  # fmt: skip


def _blank(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
    return made.not_valid_before(now - datetime.timedelta(minutes=5)).not_valid_after(now + datetime.timedelta(days=1))
