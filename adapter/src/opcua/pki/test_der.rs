//! Writes DER for tests, right or a little wrong.

use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    signature::{SignatureEncoding, Signer},
};
use sha2::Sha256;

use super::der::{BIT_STRING, BOOLEAN, Elements, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// An element.
pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        bytes.push(short);
    } else {
        bytes.push(0x82);
        bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
    }
    bytes.extend(content);
    bytes
}

/// A sequence of elements.
pub(crate) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &elements.concat())
}

/// What is changed of a certificate before it is signed anew.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Oddity {
    /// `critical FALSE` of every extension, and `cA FALSE` of the basic constraints, written out.
    Defaults,
    /// This serial number.
    Serial(&'static [u8]),
    /// This subject: the content of the sequence.
    Subject(&'static [u8]),
    /// A validity of this kind of time.
    Validity(u8, &'static str, &'static str),
}

/// A certificate with an oddity, signed anew with a key.
pub(crate) fn odd(der: &[u8], oddity: Oddity, key: &RsaPrivateKey) -> Vec<u8> {
    let mut parts = Elements::new(der).next().unwrap().inner();
    let (content, algorithm) = (parts.next().unwrap(), parts.next().unwrap().whole.to_vec());
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut elements = content.inner();
    while let Some(element) = elements.next() {
        fields.push(element.whole.to_vec());
    }
    match oddity {
        Oddity::Defaults => fields[7] = with_defaults(&fields[7]),
        Oddity::Serial(serial) => fields[1] = tagged(0x02, serial),
        Oddity::Subject(subject) => fields[5] = tagged(SEQUENCE, subject),
        Oddity::Validity(tag, from, to) => {
            fields[4] = sequence(&[tagged(tag, from.as_bytes()), tagged(tag, to.as_bytes())]);
        }
    }
    let content = sequence(&fields);
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(&content).to_vec();
    sequence(&[content, algorithm, tagged(BIT_STRING, &[&[0], signature.as_slice()].concat())])
}

fn with_defaults(extensions: &[u8]) -> Vec<u8> {
    const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
    let mut list = Elements::new(extensions).next().unwrap().inner().next().unwrap().inner();
    let (mut written, mut has_constraints) = (Vec::new(), false);
    while let Some(extension) = list.next() {
        let mut parts = extension.inner();
        let kind = parts.next().unwrap();
        let critical = parts.optional(BOOLEAN).map_or_else(|| tagged(BOOLEAN, &[0]), |flag| flag.whole.to_vec());
        has_constraints |= kind.content == BASIC_CONSTRAINTS;
        written.push(sequence(&[kind.whole.to_vec(), critical, parts.next().unwrap().whole.to_vec()]));
    }
    if !has_constraints {
        let value = sequence(&[tagged(BOOLEAN, &[0])]);
        let kind = tagged(OBJECT_IDENTIFIER, BASIC_CONSTRAINTS);
        written.push(sequence(&[kind, tagged(BOOLEAN, &[0]), tagged(OCTET_STRING, &value)]));
    }
    tagged(0xA3, &sequence(&written))
}
