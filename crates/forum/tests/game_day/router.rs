//! One address for the DynamoDBs of all Regions: which one is meant is in the signature of each request. So commands that name
//! Regions and no endpoints can be run as they are.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Serves as long as the test.
pub(crate) struct Router {
    pub(crate) endpoint: String,
    /// The Region that nobody reaches.
    lost: watch::Sender<Option<&'static str>>,
}

impl Router {
    /// Before the endpoints of these Regions.
    pub(crate) async fn start(regions: &[(&'static str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let address = |endpoint: &str| endpoint.trim_start_matches("http://").to_owned();
        let regions: BTreeMap<_, _> = regions.iter().map(|(name, endpoint)| (*name, address(endpoint))).collect();
        let (regions, (lost, seen)) = (Arc::new(regions), watch::channel(None));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(route(client, Arc::clone(&regions), seen.clone()));
            }
        });
        Self { endpoint, lost }
    }

    /// From now on that Region cannot be reached, also on connections that are open.
    pub(crate) fn lose(&self, region: Option<&'static str>) {
        self.lost.send_replace(region);
    }
}

/// A client of the SDK has its own connections, all to one Region.
async fn route(
    mut client: TcpStream,
    regions: Arc<BTreeMap<&'static str, String>>,
    mut lost: watch::Receiver<Option<&'static str>>,
) -> io::Result<()> {
    let mut begun = Vec::new();
    while !begun.ends_with(b"\r\n\r\n") {
        begun.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&begun).into_owned();
    let (region, address) = regions.iter().find(|(name, _)| head.contains(&format!("/{name}/dynamodb/"))).unwrap();
    let serve = async {
        let mut server = TcpStream::connect(address).await?;
        server.write_all(&begun).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        served = serve => served.map(drop),
        _ = lost.wait_for(|lost| lost.as_ref() == Some(region)) => Ok(()),
    }
}
