"""Endpoints that are not where they are looked for.

`--odd discovery-only`          without security only `/discovery` may be asked, and only for endpoints; asks elsewhere get
                                BadSecurityPolicyRejected; needs `--secure`, and the endpoints are the secure ones
`--odd no-endpoints`            the list of endpoints is empty
`--odd encrypts-over-none`      a password is encrypted over None, with the certificate in the endpoint alone; needs
                                `--secure` and `--user`
"""

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.server.internal_server import InternalServer
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import uatcp_to_binary

from .registry import COUNTS, before_start, patch

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"


@patch("discovery-only")
def discovery_only(_):
    acknowledge, open_channel = TransportLimits.create_acknowledge_and_set_limits, UaProcessor.open_secure_channel

    def remember_url(self, hello):
        self.url = hello.EndpointUrl
        return acknowledge(self, hello)

    def open_or_refuse(self, algorithm, sequence, body):
        if algorithm.SecurityPolicyURI == NONE and not self._limits.url.endswith("/discovery"):
            COUNTS["asked without security"] += 1
            refusal = ua.ErrorMessage(ua.StatusCode(ua.StatusCodes.BadSecurityPolicyRejected), "not here")
            self._transport.write(uatcp_to_binary(ua.MessageType.Error, refusal))
            self._transport.close()
            return
        open_channel(self, algorithm, sequence, body)

    TransportLimits.create_acknowledge_and_set_limits = remember_url
    UaProcessor.open_secure_channel = open_or_refuse

    @before_start
    async def only_secure(test):
        test.server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])


@patch("no-endpoints")
def no_endpoints(_):
    async def none(self, params=None, sockname=None):
        return []

    InternalServer.get_endpoints = none


@patch("encrypts-over-none")
def encrypts_over_none(_):
    endpoints = InternalServer.get_endpoints

    async def with_policy(self, *arguments, **named):
        found = await endpoints(self, *arguments, **named)
        for policy in [policy for endpoint in found for policy in endpoint.UserIdentityTokens]:
            if policy.TokenType == ua.UserTokenType.UserName:
                policy.SecurityPolicyUri = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
        return found

    InternalServer.get_endpoints = with_policy
    send = UaProcessor.send_response

    def send_without_certificate(self, handle, sequence, response, *more):
        if isinstance(response, ua.CreateSessionResponse):
            response.Parameters.ServerCertificate = None
        send(self, handle, sequence, response, *more)

    UaProcessor.send_response = send_without_certificate
