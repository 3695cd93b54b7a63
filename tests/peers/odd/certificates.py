"""Certificates that an authority has signed, and forms of certificates that real PLCs have: `--odd certificate:KIND`.

authority       for this server and this host, signed by an authority
client          of somebody else: a client's certificate for another host, signed by the same authority
other-host      a server's, for another host and application, signed by the same authority
critical-false  as without the oddity, but with `critical FALSE` written out, which DER does not do
trailing        as without the oddity, with two bytes behind it
chain           signed by an authority, whose certificate follows wherever this one is sent

All need `--secure`. The authority's own certificate is `ca.der` in that folder.
"""

import hashlib
import ipaddress
from datetime import datetime, timedelta, timezone

from asyncua import ua
from asyncua.crypto import security_policies, uacrypto
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import uatcp_to_binary
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import registry
from .registry import patch

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
OTHER = "urn:another:application", "another.example"
BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
FALSE = bytes.fromhex("010100")


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(subject, issuer, key, is_authority):
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    constraints = x509.BasicConstraints(ca=is_authority, path_length=None)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=not is_authority, key_encipherment=not is_authority,
        data_encipherment=not is_authority, key_agreement=False, key_cert_sign=is_authority, crl_sign=is_authority,
        encipher_only=False, decipher_only=False,
    )
    made = made.add_extension(constraints, critical=is_authority).add_extension(usage, critical=True)
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def leaf(key, subject, issuer, issuer_key, uri, host, use):
    alternatives = [x509.UniformResourceIdentifier(uri), x509.DNSName(host)]
    if host == "localhost":
        alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = builder(name(subject), issuer, key, False).add_extension(x509.SubjectAlternativeName(alternatives), False)
    made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return made.add_extension(identifier, critical=False).sign(issuer_key, hashes.SHA256())


def parts(data):
    """The header and content of the first element of DER, and what follows it."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return data[:1], data[start : start + length], data[start + length :]


def element(tag, content):
    size = len(content)
    if size < 0x80:
        return tag + bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(length)]) + length + content


def with_false(data):
    """Writes `critical FALSE` into the basic constraints, wherever below they stand."""
    tag, content, _ = parts(data)
    if tag[0] & 0x20 == 0:
        return element(tag, content)
    children, rest = [], content
    while rest:
        before = rest
        child_tag, _, rest = parts(rest)
        child = before[: len(before) - len(rest)]
        children.append(with_false(child) if child_tag[0] & 0x20 else child)
        if child == BASIC_CONSTRAINTS:
            children.append(FALSE)
    return element(tag, b"".join(children))


def signed_anew(certificate, key):
    """The same certificate with `critical FALSE`, and a signature for it."""
    _, content, _ = parts(certificate)
    _, _, after = parts(content)
    to_be_signed = with_false(content[: len(content) - len(after)])
    _, _, signature = parts(after)
    algorithm = after[: len(after) - len(signature)]
    signed = key.sign(to_be_signed, padding.PKCS1v15(), hashes.SHA256())
    return element(b"\x30", to_be_signed + algorithm + element(b"\x03", b"\0" + signed))


def show(plain, shown):
    """Sends these bytes wherever the certificate would be sent, and holds clients to them.

    Signatures and thumbprints are over the bytes as they came; where more than one certificate comes, or bytes behind it,
    over the first alone, too.
    """
    _, _, behind = parts(shown)
    first = shown[: len(shown) - len(behind)]
    thumbprints = [hashlib.sha1(data).digest() for data in (shown, first)]
    to_der, verify = uacrypto.der_from_x509, security_policies.VerifierSha256.verify
    open_channel = UaProcessor.open_secure_channel

    def as_shown(certificate):
        der = to_der(certificate)
        return shown if der == plain else der

    def verify_either(self, data, signature):
        try:
            verify(self, data, signature)
        except InvalidSignature:
            if not data.startswith(shown):
                raise
            verify(self, first + data[len(shown) :], signature)

    def open_for_thumbprint(self, algorithm, sequence, body):
        if algorithm.ReceiverCertificateThumbPrint and algorithm.ReceiverCertificateThumbPrint not in thumbprints:
            refusal = ua.ErrorMessage(ua.StatusCode(ua.StatusCodes.BadCertificateInvalid), "another thumbprint")
            self._transport.write(uatcp_to_binary(ua.MessageType.Error, refusal))
            self._transport.close()
            return
        open_channel(self, algorithm, sequence, body)

    uacrypto.der_from_x509 = as_shown
    security_policies.VerifierSha256.verify = verify_either
    UaProcessor.open_secure_channel = open_for_thumbprint


@patch("certificate")
def certificate(kind):
    async def make(key_file, certificate_file, uri, host, *_):
        if certificate_file.is_file():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        else:
            key = rsa.generate_private_key(65537, 2048)
            pem = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *pem))
            write_certificates(key, certificate_file, uri, host)
        plain = certificate_file.read_bytes()
        authority = (certificate_file.parent / "ca.der").read_bytes()
        shown = {
            "critical-false": lambda: signed_anew(plain, key),
            "trailing": lambda: plain + b"\0\0",
            "chain": lambda: plain + authority,
        }.get(kind)
        if shown:
            show(plain, shown())

    def write_certificates(key, certificate_file, uri, host):
        authority_key = rsa.generate_private_key(65537, 2048)
        issuer = name("Plant authority")
        authority = builder(issuer, issuer, authority_key, True).sign(authority_key, hashes.SHA256())
        made = {
            "client": lambda: leaf(key, "Some client", issuer, authority_key, *OTHER, CLIENT),
            "other-host": lambda: leaf(key, "Another server", issuer, authority_key, *OTHER, SERVER),
            "critical-false": lambda: leaf(key, "PLC", name("PLC"), key, uri, host, SERVER),
            "trailing": lambda: leaf(key, "PLC", name("PLC"), key, uri, host, SERVER),
        }.get(kind, lambda: leaf(key, "PLC", issuer, authority_key, uri, host, SERVER))()
        certificate_file.write_bytes(made.public_bytes(serialization.Encoding.DER))
        (certificate_file.parent / "ca.der").write_bytes(authority.public_bytes(serialization.Encoding.DER))

    registry.MAKE_CERTIFICATE = make
    if kind in ("client", "other-host"):

        @registry.before_start
        async def say_the_same(test):
            # Who has taken somebody's certificate says that he is this one.
            await test.server.set_application_uri(OTHER[0])
