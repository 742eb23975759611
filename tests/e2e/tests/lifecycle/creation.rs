//! New streams.

use arcane_e2e::{Definition, sample};

#[tokio::test]
async fn a_new_stream_is_backfilled_and_then_streams() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    orders.finish_job().await;
    orders.wait_phase("Running").await;
    orders
        .wait_events(&["Normal StreamCreated", "Normal BackfillCompleted"])
        .await;
    sample.assert_clean().await;
}
