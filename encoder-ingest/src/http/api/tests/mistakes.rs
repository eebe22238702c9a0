//! What a wrong request is told.

use super::*;

#[tokio::test]
async fn a_body_that_was_cut_off_removes_no_channel() {
    let api = Api::new();
    assert_eq!(api.post(&channel("news")).await.status, 201);
    for body in ["", "# nothing\n", "channels:\n", "channels: null", "{}"] {
        let answer = api.send("POST /channels:apply", &[], body).await;
        let problem = answer.problem(400);
        assert_eq!(problem["errors"][0]["code"], "missing_key", "{body:?}");
        assert_eq!(api.ask("GET /channels/news").await.status, 200, "{body:?}");
    }
    let none = api.send("POST /channels:apply", &[], "channels: []").await;
    assert_eq!(none.json()["removed"], json!(["news"]));
}
