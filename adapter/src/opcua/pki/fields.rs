//! The fields of a certificate, found in the bytes that came.

use chrono::NaiveDate;
use rsa::{BigUint, RsaPublicKey};

use super::{
    der::{BIT_STRING, BOOLEAN, Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, identifier},
    names::AlternativeNames,
};

const RSA: &str = "1.2.840.113549.1.1.1";
const KEY_USAGE: &str = "2.5.29.15";
const ALTERNATIVE_NAMES: &str = "2.5.29.17";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xA0;
const ISSUER_ID: u8 = 0x81;
const SUBJECT_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xA3;

/// Extensions and purposes that are looked at.
const MAX_ENTRIES: usize = 100;
/// The bit of a key usage that lets a key sign certificates, the sixth of the first byte.
const KEY_CERT_SIGN: u8 = 0x04;

/// The fields of a certificate.
pub(super) struct Fields<'a> {
    /// What is signed.
    pub(super) content: &'a [u8],
    /// The algorithm of the signature.
    pub(super) algorithm: String,
    pub(super) signature: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: Element<'a>,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) key: RsaPublicKey,
    pub(super) extensions: Extensions,
}

/// What its extensions say. One that cannot be understood allows nothing, and is no reason not to know the certificate:
/// a person may have trusted it as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) names: AlternativeNames,
    pub(super) is_authority: bool,
    /// How many authorities may stand below it.
    pub(super) path_length: Option<usize>,
    /// Whether its key usage, where it has one, lets it sign certificates.
    pub(super) may_sign: bool,
    /// What it may be used for; `None` where nothing is said.
    pub(super) purposes: Option<Vec<String>>,
}

impl<'a> Fields<'a> {
    /// Finds the fields of one certificate.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub(super) fn read(certificate: Element<'a>) -> Result<Self, String> {
        let mut parts = certificate.inner();
        let content = parts.required(SEQUENCE, "what is signed")?;
        let algorithm = algorithm(parts.required(SEQUENCE, "the signature's algorithm")?)?;
        let signature = bits(parts.required(BIT_STRING, "the signature")?)?;
        let mut fields = content.inner();
        fields.optional(VERSION);
        // Of any length and sign: nothing here goes by it.
        fields.required(INTEGER, "the serial number")?;
        fields.required(SEQUENCE, "the algorithm")?;
        let issuer = fields.required(SEQUENCE, "the issuer")?.content;
        let mut validity = fields.required(SEQUENCE, "the validity")?.inner();
        let mut time = || validity.next().and_then(seconds).ok_or("its validity has no dates in a known form");
        let (not_before, not_after) = (time()?, time()?);
        let subject = fields.required(SEQUENCE, "the subject")?;
        let key = key(fields.required(SEQUENCE, "the key")?)?;
        fields.optional(ISSUER_ID);
        fields.optional(SUBJECT_ID);
        let extensions = match fields.optional(EXTENSIONS) {
            Some(list) => Extensions::read(list.inner().required(SEQUENCE, "the list of extensions")?)?,
            None => Extensions { may_sign: true, ..Extensions::default() },
        };
        Ok(Self {
            content: content.whole,
            algorithm,
            signature,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions,
        })
    }
}

impl Extensions {
    fn read(list: Element<'_>) -> Result<Self, String> {
        let mut extensions = Self { may_sign: true, ..Self::default() };
        let (mut elements, mut seen) = (list.inner(), Vec::new());
        while let Some(mut extension) = elements.optional(SEQUENCE).map(|element| element.inner()) {
            let kind = extension.required(OBJECT_IDENTIFIER, "an extension")?;
            extension.optional(BOOLEAN);
            let value = extension.required(OCTET_STRING, "an extension")?.content;
            // Of two that say different things neither can be believed.
            if seen.contains(&kind.content) || seen.len() >= MAX_ENTRIES {
                return Err("it has an extension twice, or more than 100".to_owned());
            }
            seen.push(kind.content);
            match identifier(kind.content).as_deref() {
                Some(ALTERNATIVE_NAMES) => extensions.names = AlternativeNames::read(value),
                Some(BASIC_CONSTRAINTS) => extensions.set_constraints(value),
                Some(KEY_USAGE) => extensions.may_sign = may_sign(value),
                Some(EXTENDED_KEY_USAGE) => extensions.purposes = Some(purposes(value)),
                _ => {}
            }
        }
        if elements.rest().is_empty() { Ok(extensions) } else { Err("its extensions are in another form".to_owned()) }
    }

    fn set_constraints(&mut self, value: &[u8]) {
        let Some(mut parts) = Elements::new(value).optional(SEQUENCE).map(|parts| parts.inner()) else { return };
        // Any TRUE but 0xFF is wrong in DER, and means the same.
        self.is_authority = parts.optional(BOOLEAN).is_some_and(|flag| flag.content.iter().any(|byte| *byte != 0));
        if let Some(length) = parts.optional(INTEGER) {
            // A bound that cannot be understood is the strictest.
            let number = length
                .content
                .iter()
                .try_fold(0_usize, |number, byte| Some(number.checked_mul(256)? | usize::from(*byte)));
            self.path_length = Some(number.unwrap_or(0));
        }
    }
}

fn may_sign(value: &[u8]) -> bool {
    let flags = Elements::new(value).optional(BIT_STRING).and_then(|flags| flags.content.get(1));
    flags.is_some_and(|flags| flags & KEY_CERT_SIGN != 0)
}

fn purposes(value: &[u8]) -> Vec<String> {
    let mut purposes = Vec::new();
    let Some(mut list) = Elements::new(value).optional(SEQUENCE).map(|list| list.inner()) else { return purposes };
    while let Some(purpose) = list.optional(OBJECT_IDENTIFIER).filter(|_| purposes.len() < MAX_ENTRIES) {
        purposes.extend(identifier(purpose.content));
    }
    purposes
}

fn algorithm(element: Element<'_>) -> Result<String, String> {
    let kind = element.inner().required(OBJECT_IDENTIFIER, "an algorithm")?;
    identifier(kind.content).ok_or_else(|| "an algorithm has no identifier".to_owned())
}

/// The bytes of a bit string, which is whole bytes in all that is read here.
fn bits(element: Element<'_>) -> Result<&[u8], String> {
    let (unused, bytes) = element.content.split_first().ok_or("a bit string is empty")?;
    if *unused == 0 { Ok(bytes) } else { Err("a bit string does not end with a byte".to_owned()) }
}

fn key(element: Element<'_>) -> Result<RsaPublicKey, String> {
    let mut parts = element.inner();
    let is_rsa = algorithm(parts.required(SEQUENCE, "the key's algorithm")?)? == RSA;
    let bytes = bits(parts.required(BIT_STRING, "the key")?)?;
    let mut numbers = Elements::new(bytes).optional(SEQUENCE).filter(|_| is_rsa).map(|numbers| numbers.inner());
    // Neither is ever negative, whatever the first bit says.
    let mut number = || Some(BigUint::from_bytes_be(numbers.as_mut()?.optional(INTEGER)?.content));
    let key = number().zip(number()).and_then(|(modulus, exponent)| RsaPublicKey::new(modulus, exponent).ok());
    key.ok_or_else(|| "its key is no RSA key of up to 4096 bits".to_owned())
}

/// A time as seconds since 1970: both kinds, with or without seconds, fractions and an offset.
fn seconds(element: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.content).ok().filter(|text| text.is_ascii() && text.len() <= 30)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = text.split_at_checked(digits)?;
    let (year, rest) = digits.split_at_checked(if element.tag == UTC_TIME { 2 } else { 4 })?;
    let year: i32 = year.parse().ok()?;
    let year = match (element.tag, year) {
        (UTC_TIME, 50..) => 1900 + year,
        (UTC_TIME, _) => 2000 + year,
        _ => year,
    };
    let mut pairs = rest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok()?.parse::<u32>().ok());
    let [month, day, hour, minute, second] = std::array::from_fn(|_| pairs.next());
    let (hour, minute, second) = (hour??, minute.unwrap_or(Some(0))?, second.unwrap_or(Some(0))?);
    let is_whole = rest.len().is_multiple_of(2) && pairs.next().is_none();
    // A second that is inserted is the next one.
    let time = NaiveDate::from_ymd_opt(year, month??, day??)?.and_hms_opt(hour, minute, second.min(59))?;
    let offset = offset(zone.trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit()))?;
    (is_whole && second <= 60).then(|| time.and_utc().timestamp() - offset)
}

/// `Z`, nothing, or hours and minutes such as `+0200`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.as_bytes() {
        [] | b"Z" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let number = |range| std::str::from_utf8(digits.get(range)?).ok()?.parse::<u32>().ok();
    let is_whole = digits.len() == 4 && digits.iter().all(u8::is_ascii_digit);
    let (hours, minutes) = (number(0..2).filter(|_| is_whole)?, number(2..4)?);
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_der::{sequence, tagged};

    const GENERALIZED_TIME: u8 = 0x18;

    #[test]
    fn times_are_read_as_plcs_write_them() {
        let read = |tag, text: &str| seconds(Element { tag, content: text.as_bytes(), whole: &[] });
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (UTC_TIME, "7001010000Z", Some(0)),
            (UTC_TIME, "700101020000+0200", Some(0)),
            (GENERALIZED_TIME, "20200101000000Z", Some(1_577_836_800)),
            (GENERALIZED_TIME, "20200101000000.000Z", Some(1_577_836_800)),
            (GENERALIZED_TIME, "20200101000000", Some(1_577_836_800)),
            (GENERALIZED_TIME, "2020010100Z", Some(1_577_836_800)),
            (GENERALIZED_TIME, "20191231233000-0030", Some(1_577_836_800)),
            (GENERALIZED_TIME, "20200101000060Z", Some(1_577_836_859)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "00000101000000Z", Some(-62_167_219_200)),
            (GENERALIZED_TIME, "20201301000000Z", None),
            (GENERALIZED_TIME, "20200230000000Z", None),
            (GENERALIZED_TIME, "20200101000061Z", None),
            (GENERALIZED_TIME, "202001010000000Z", None),
            (GENERALIZED_TIME, "2020010100000000Z", None),
            (GENERALIZED_TIME, "20200101", None),
            (GENERALIZED_TIME, "20200101000000+2", None),
            (GENERALIZED_TIME, "20200101000000+02é", None),
            (GENERALIZED_TIME, "", None),
            (UTC_TIME, "2", None),
        ] {
            assert_eq!(read(tag, text), expected, "{text}");
        }
    }

    #[test]
    fn authorities_are_known_however_they_write_it() {
        let read = |value: Vec<u8>| {
            let extension =
                sequence(&[tagged(OBJECT_IDENTIFIER, &[0x55, 0x1D, 19]), tagged(BOOLEAN, &[0]), tagged(4, &value)]);
            Extensions::read(Elements::new(&sequence(&[extension])).next().unwrap())
        };
        let of = |parts: &[Vec<u8>]| read(sequence(parts)).map(|found| (found.is_authority, found.path_length));
        assert_eq!(of(&[]), Ok((false, None)));
        assert_eq!(of(&[tagged(BOOLEAN, &[0])]), Ok((false, None)), "FALSE written out");
        assert_eq!(of(&[tagged(BOOLEAN, &[1])]), Ok((true, None)), "a TRUE of BER");
        assert_eq!(of(&[tagged(BOOLEAN, &[0xFF]), tagged(INTEGER, &[1])]), Ok((true, Some(1))));
        assert_eq!(of(&[tagged(BOOLEAN, &[0xFF]), tagged(INTEGER, &[0xFF; 20])]), Ok((true, Some(0))));
        assert_eq!(read(b"junk".to_vec()).map(|found| found.is_authority), Ok(false));
    }

    #[test]
    fn an_extension_that_comes_twice_is_refused() {
        let usage = sequence(&[tagged(OBJECT_IDENTIFIER, &[0x55, 0x1D, 15]), tagged(4, &[3, 2, 2, 0x04])]);
        let read = |list: &[Vec<u8>]| Extensions::read(Elements::new(&sequence(list)).next().unwrap());
        assert!(read(std::slice::from_ref(&usage)).unwrap().may_sign);
        assert!(read(&[usage.clone(), usage]).unwrap_err().contains("twice"));
        assert!(read(&[tagged(BOOLEAN, &[0])]).is_err());
    }

    #[test]
    fn a_key_without_its_leading_zero_is_the_same_key() {
        use rsa::traits::PublicKeyParts;
        let of = |modulus: &[u8], exponent: &[u8]| {
            let numbers = sequence(&[tagged(INTEGER, modulus), tagged(INTEGER, exponent)]);
            let rsa = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
            let info = sequence(&[
                sequence(&[tagged(OBJECT_IDENTIFIER, &rsa)]),
                tagged(BIT_STRING, &[&[0], numbers.as_slice()].concat()),
            ]);
            key(Elements::new(&info).next().unwrap())
        };
        let with_zero = of(&[&[0][..], &[0xFF; 128]].concat(), &[1, 0, 1]).unwrap();
        assert_eq!(of(&[0xFF; 128], &[1, 0, 1]).unwrap(), with_zero);
        assert_eq!(with_zero.n().bits(), 1024);
        for (modulus, exponent) in
            [(&[0_u8; 0][..], &[1_u8, 0, 1][..]), (&[0], &[3]), (&[0xFF; 513], &[3]), (&[7], &[0])]
        {
            assert!(of(modulus, exponent).is_err(), "{modulus:?}");
        }
    }
}
