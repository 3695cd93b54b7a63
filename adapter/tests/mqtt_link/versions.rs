//! The same test for both versions of MQTT.

/// Makes two tests of each function, which takes the version: one for MQTT 5, one for MQTT 3.1.1.
macro_rules! in_both_versions {
    ($($name:ident),+ $(,)?) => {
        mod mqtt_5 {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(tagwise::config::effective::ProtocolVersion::V5).await;
                }
            )+
        }
        mod mqtt_3_1_1 {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(tagwise::config::effective::ProtocolVersion::V311).await;
                }
            )+
        }
    };
}

pub(crate) use in_both_versions;
