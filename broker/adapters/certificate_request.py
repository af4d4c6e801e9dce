"""Makes a private key and a request for a certificate, as files that their owner alone can read."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.adapters.private_file import write_private_file
from broker.adapters.storage import unusable

_DIRECTORY_MODE = 0o700


def request_certificate(directory: Path, name: str) -> tuple[Path, Path] | None:
    """
    Return the files of a new key and of a request (PKCS #10) for client authentication under `name`.

    None where there is a key of that name already, which is left as it is. Raises `StorageUnusable`.
    """
    key_file, request_file = directory / f"{name}.key", directory / f"{name}.csr"
    if key_file.exists():
        return None
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        write_private_file(key_file, secret)
        request_file.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise unusable("--requests", directory, error) from error
    return key_file, request_file
