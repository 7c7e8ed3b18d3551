//! The one list of the forum's services, for the programs that serve them all: `forum serve`, `forum dev` and the function on AWS
//! Lambda.

use http_kit::Service;

/// Every service, ready to be mounted. Removed posts are kept for so many days.
pub fn all(removed_keep_days: u32) -> Vec<Service> {
    let mut services = users_svc::services(removed_keep_days);
    services.extend([threads_svc::service(), posts_svc::service()]);
    services
}
