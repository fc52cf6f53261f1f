//! What everything that makes databases promises, shown of each provider by the same suite.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

#[path = "provider/contract.rs"]
mod contract;
#[path = "support/fake_supabase.rs"]
#[expect(dead_code, reason = "the rehearsals use the rest")]
mod fake_supabase;
#[path = "provider/killed.rs"]
mod killed;
#[path = "provider/lasting.rs"]
mod lasting;
#[path = "support/program.rs"]
#[expect(dead_code, reason = "of what the program's own tests use, a part")]
mod program;
#[path = "provider/server.rs"]
mod server;
#[path = "provider/stand.rs"]
mod stand;

macro_rules! contract {
    ($provider:ident) => {
        mod $provider {
            use super::{contract, killed, stand};

            #[tokio::test]
            async fn a_project_comes_is_used_and_goes() {
                contract::a_project_comes_is_used_and_goes(&stand::$provider().await).await;
            }

            #[tokio::test]
            async fn what_was_never_there_is_absent() {
                contract::what_was_never_there_is_absent(&stand::$provider().await).await;
            }

            #[tokio::test]
            async fn a_name_that_is_given_twice_is_seen() {
                contract::a_name_that_is_given_twice_is_seen(&stand::$provider().await).await;
            }

            #[tokio::test]
            async fn ten_at_once_are_ten_strangers() {
                contract::ten_at_once_are_ten_strangers(&stand::$provider().await).await;
            }

            #[tokio::test]
            async fn the_monitor_tells_two_of_them_apart() {
                contract::the_monitor_tells_two_of_them_apart(&stand::$provider().await).await;
            }

            #[tokio::test]
            async fn a_creation_that_is_given_up_leaves_only_what_delete_removes() {
                let stand = stand::$provider().await;
                contract::a_creation_that_is_given_up_leaves_only_what_delete_removes(&stand).await;
            }

            #[tokio::test]
            async fn a_process_that_is_killed_leaves_only_what_another_removes() {
                killed::leaves_only_what_another_removes(
                    concat!(
                        stringify!($provider),
                        "::a_process_that_is_killed_leaves_only_what_another_removes"
                    ),
                    stand::$provider().await,
                )
                .await;
            }
        }
    };
}

contract!(local);
contract!(postgres);
contract!(supabase);
