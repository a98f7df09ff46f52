//! Answers that say nothing by the time they took.
//!
//! "There is none" and "it is not yours" are the same bytes, but the second has looked at more. So an answer of that
//! kind leaves at a multiple of [`STEP`] after its request came: far more than the difference, which is some dozens of
//! microseconds, and too little for anybody to mind. A search among so many things of others' that it takes longer
//! still shows no more than how many steps it took.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::{Instant, sleep_until};

use super::problem::ProblemCode;

/// What answers are rounded up to.
pub const STEP: Duration = Duration::from_millis(10);

/// Put among the extensions of an answer that could say something by its time though it is no refusal.
#[derive(Debug, Clone, Copy)]
pub struct Even;

/// Marks an answer so.
pub fn evened(mut response: Response) -> Response {
    response.extensions_mut().insert(Even);
    response
}

/// Stands before every route.
pub async fn even(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    if may_tell(&response) {
        sleep_until(begun + rounded_up(begun.elapsed())).await;
    }
    response
}

fn may_tell(response: &Response) -> bool {
    let refused = matches!(
        response.status(),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY
    );
    let extensions = response.extensions();
    extensions.get::<Even>().is_some() || refused && extensions.get::<ProblemCode>().is_some()
}

fn rounded_up(taken: Duration) -> Duration {
    let steps = taken.as_nanos().div_ceil(STEP.as_nanos()).max(1);
    STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_whole_steps() {
        let ms = Duration::from_millis;
        for (taken, until) in [(0, 10), (1, 10), (10, 10), (11, 20), (95, 100)] {
            assert_eq!(rounded_up(ms(taken)), ms(until));
        }
    }
}
