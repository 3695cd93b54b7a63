//! What a server means by refusing our certificate, and on which side to do what.

use crate::domain::StatusCode;
use crate::opcua::status::status_symbol;

/// A sentence for each of OPC UA's StatusCodes about certificates.
pub(in crate::opcua) fn sentence(status: StatusCode, thumbprint: &str) -> String {
    use opcua::types::StatusCode as Code;
    let advice = match Code::from(status.without_info_bits().0) {
        Code::BadCertificateTimeInvalid | Code::BadCertificateIssuerTimeInvalid => {
            "by the server's clock this client's certificate is not valid yet or no longer: set the server's clock, or, if the certificate has expired, renew it with `tagwise certs generate --renew`"
        }
        Code::BadCertificateUriInvalid => {
            "the server says that this client's certificate is for another application: make a new one with `tagwise certs generate --renew` and trust it on the server"
        }
        Code::BadCertificateHostNameInvalid => {
            "the server misses this machine's host name in this client's certificate: make a new one with `tagwise certs generate --renew --host NAME`"
        }
        Code::BadCertificateUseNotAllowed | Code::BadCertificateIssuerUseNotAllowed => {
            "the server says that this client's certificate may not be used for this: take one made by `tagwise certs generate`, or have the key usages of OPC UA put into yours"
        }
        Code::BadCertificateRevoked | Code::BadCertificateIssuerRevoked => {
            "the server's list says that this client's certificate was revoked: make a new one with `tagwise certs generate --renew` and trust it on the server"
        }
        Code::BadCertificateRevocationUnknown | Code::BadCertificateIssuerRevocationUnknown => {
            "the server misses the revocation list of the authority that signed this client's certificate: put it on the server"
        }
        Code::BadCertificateChainIncomplete => {
            "the server does not know the authority that signed this client's certificate: trust that authority on the server"
        }
        Code::BadCertificatePolicyCheckFailed => {
            "this client's certificate does not meet the security policy (length of the key, signature): make a new one with `tagwise certs generate --renew`"
        }
        Code::BadCertificateInvalid => {
            "the server cannot use this client's certificate, or showed another certificate in the session than in its endpoint: look into the server's own log"
        }
        _ => {
            "the server does not trust this client's certificate: trust it on the server, where it often waits among the rejected ones"
        }
    };
    format!("{advice} (thumbprint {thumbprint}, {})", status_symbol(status))
}

#[cfg(test)]
mod tests {
    use opcua::types::StatusCode as Code;

    use super::*;

    #[test]
    fn every_code_about_certificates_has_its_own_advice() {
        let codes = [
            Code::BadCertificateTimeInvalid,
            Code::BadCertificateUriInvalid,
            Code::BadCertificateHostNameInvalid,
            Code::BadCertificateUseNotAllowed,
            Code::BadCertificateRevoked,
            Code::BadCertificateRevocationUnknown,
            Code::BadCertificateChainIncomplete,
            Code::BadCertificatePolicyCheckFailed,
            Code::BadCertificateInvalid,
            Code::BadCertificateUntrusted,
        ];
        let sentences = codes.map(|code| sentence(StatusCode(code.bits()), "ab12"));
        for (index, sentence) in sentences.iter().enumerate() {
            assert!(sentence.contains("thumbprint ab12") && sentence.contains("BadCertificate"), "{sentence}");
            let advice = |text: &str| text.split(" (thumbprint").next().map(str::to_owned);
            assert!(sentences[..index].iter().all(|other| advice(other) != advice(sentence)), "{sentence}");
        }
        let unclear = sentence(StatusCode(Code::BadSecurityChecksFailed.bits()), "ab12");
        assert!(unclear.contains("does not trust"), "{unclear}");
    }
}
