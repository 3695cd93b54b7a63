//! What follows each trouble: the one table by which sessions, Subscriptions and connections are made anew.
//!
//! | cause | while a session stands | without one |
//! |---|---|---|
//! | the connection is lost, or the server answers nothing on it | resume once; a new session where it has been heard of nothing since the last time, or where tags were not all asked for | new session |
//! | no connection can be had: refused, unreachable, unknown host | resume, twice a second, for ever | new session, twice a second, for ever |
//! | the connection is taken and no secure channel opened: no answer, or closed | resume, backing off, for ever | new session, backing off |
//! | the channel is open, and the session's activation is not answered | new session | new session |
//! | a Subscription is silent, and the server answers | re-create that Subscription | |
//! | a Subscription has ended; all of them where the server knows none | re-create that Subscription | |
//! | nobody knows which items a Subscription has, since a call was not answered | re-create that Subscription | |
//! | a Subscription cannot be re-created | new session | |
//! | the session has ended, a service failed, an answer did not come or cannot be read | new session | new session |
//! | user, certificate, security, endpoint or address are refused | wait for a person | wait for a person |

use crate::opcua::problem::Problem;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// A new connection for the session, which the server may still have with all that it has queued.
    Resume,
    /// That Subscription is created anew, and its items; everything else goes on.
    Resubscribe {
        /// The server's id of the one that is of no more use.
        subscription: u32,
    },
    /// Everything is made anew.
    NewSession,
    /// The same, but not before long: only a person can change what is wrong.
    WaitForPerson,
}

/// What a remedy depends on beside its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Situation {
    /// Whether there is a session that the server may still have.
    pub(super) has_session: bool,
    /// Whether every tag was asked for once: until then there is little to save and much to get wrong.
    pub(super) has_asked: bool,
    /// Whether anything was heard since the connection was made: what ends it may be the very message that it would begin
    /// with.
    pub(super) has_heard: bool,
}

/// What follows a trouble.
pub(super) fn remedy(problem: &Problem, situation: Situation) -> Remedy {
    if problem.needs_a_person() {
        return Remedy::WaitForPerson;
    }
    let Situation { has_session, has_asked, has_heard } = situation;
    let can_resume = has_session && has_asked && has_heard;
    match problem {
        Problem::Silent { subscription, .. }
        | Problem::SubscriptionEnded { subscription, .. }
        | Problem::ItemsUnknown { subscription }
            if has_session =>
        {
            Remedy::Resubscribe { subscription: *subscription }
        }
        problem if problem.is_of_the_connection() && can_resume => Remedy::Resume,
        _ => Remedy::NewSession,
    }
}

/// Whether a failure to open a secure channel says nothing about the session. A server that is frozen or starting has its
/// kernel take connections that nobody answers, and so does a port forwarder; the session was asked nothing, and a new
/// one would get no further.
pub(super) fn leaves_the_session(problem: &Problem) -> bool {
    is_free(problem) || problem.is_of_the_connection()
}

/// Whether trying costs nothing: nobody has taken the connection, so that no server is bothered.
pub(super) fn is_free(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Refused { .. }
            | Problem::Unreachable { .. }
            | Problem::UnknownHost { .. }
            | Problem::AdvertisedHost { .. }
            | Problem::Io { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opcua::types::StatusCode as Code;

    use super::*;
    use crate::{domain::StatusCode, opcua::problem::Step};

    const STANDING: Situation = Situation { has_session: true, has_asked: true, has_heard: true };
    const NONE: Situation = Situation { has_session: false, has_asked: false, has_heard: false };
    const TIME: Duration = Duration::from_secs(1);

    #[track_caller]
    fn check(problem: &Problem, standing: Remedy, without: Remedy) {
        assert_eq!(remedy(problem, STANDING), standing, "{problem}");
        assert_eq!(remedy(problem, NONE), without, "{problem}");
    }

    fn service(step: Step, code: Code) -> Problem {
        Problem::of_status(step, code, TIME)
    }

    #[test]
    fn a_lost_connection_is_resumed() {
        for problem in [
            Problem::lost("the server closed it"),
            Problem::Unanswered { silence: TIME },
            Problem::Mute { limit: TIME },
        ] {
            check(&problem, Remedy::Resume, Remedy::NewSession);
        }
    }

    #[test]
    fn a_connection_that_cannot_be_had_is_tried_for_ever() {
        let address = "plc:4840".to_owned();
        for problem in [
            Problem::Refused { address: address.clone() },
            Problem::Unreachable { address: address.clone() },
            Problem::UnknownHost { host: "plc".into() },
            Problem::AdvertisedHost { host: "plc".into() },
            Problem::Io { address, reason: "x".into() },
        ] {
            check(&problem, Remedy::Resume, Remedy::NewSession);
            assert!(is_free(&problem));
        }
        assert!(!is_free(&Problem::lost("x")) && !is_free(&Problem::Mute { limit: TIME }));
    }

    #[test]
    fn what_fails_before_the_session_is_asked_says_nothing_about_it() {
        for problem in [
            Problem::Mute { limit: TIME },
            Problem::NoGreeting { reason: "it closed it".into() },
            Problem::lost("the server closed it"),
            Problem::Refused { address: "plc:4840".into() },
            Problem::AdvertisedHost { host: "plc".into() },
        ] {
            assert!(leaves_the_session(&problem), "{problem}");
        }
        for problem in [
            Problem::Greeting { reason: "x".into() },
            service(Step::OpenSecureChannel, Code::BadCertificateUntrusted),
            service(Step::OpenSecureChannel, Code::BadTcpNotEnoughResources),
        ] {
            assert!(!leaves_the_session(&problem), "{problem}");
        }
    }

    #[test]
    fn a_resumption_that_brought_nothing_is_not_repeated() {
        let lost = Problem::lost("the server closed it");
        assert_eq!(remedy(&lost, Situation { has_heard: false, ..STANDING }), Remedy::NewSession);
        assert_eq!(remedy(&lost, Situation { has_asked: false, ..STANDING }), Remedy::NewSession);
    }

    #[test]
    fn a_subscription_alone_is_made_anew_by_itself_and_silence_is_never_answered_by_resuming() {
        for problem in [
            Problem::Silent { subscription: 7, silence: TIME },
            Problem::SubscriptionEnded { subscription: 7, status: StatusCode(Code::BadTimeout.bits()) },
            Problem::ItemsUnknown { subscription: 7 },
        ] {
            check(&problem, Remedy::Resubscribe { subscription: 7 }, Remedy::NewSession);
            let barren = Situation { has_heard: false, ..STANDING };
            assert_eq!(remedy(&problem, barren), Remedy::Resubscribe { subscription: 7 });
        }
    }

    #[test]
    fn whatever_else_fails_is_made_anew_as_a_whole() {
        for problem in [
            service(Step::Publish, Code::BadSessionIdInvalid),
            service(Step::CreateSubscription, Code::BadTooManySubscriptions),
            service(Step::CreateItems, Code::BadTimeout),
            Problem::Unreadable { step: Step::CreateItems, reason: "x".into() },
            Problem::FullSubscription { items: 7 },
            Problem::Panic { reason: "x".into() },
            Problem::Greeting { reason: "x".into() },
        ] {
            check(&problem, Remedy::NewSession, Remedy::NewSession);
        }
    }

    #[test]
    fn what_only_a_person_can_change_waits_for_one() {
        for problem in [
            service(Step::ActivateSession, Code::BadIdentityTokenRejected),
            service(Step::OpenSecureChannel, Code::BadCertificateUntrusted),
            Problem::NoEndpoints,
            Problem::Address { uri: "x".into() },
        ] {
            check(&problem, Remedy::WaitForPerson, Remedy::WaitForPerson);
        }
        // A right that a service of ours lacks is no wrong password.
        let republish = service(Step::Publish, Code::BadUserAccessDenied);
        check(&republish, Remedy::NewSession, Remedy::NewSession);
    }
}
